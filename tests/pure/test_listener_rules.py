"""Listener rules as tables and properties; what it cannot prove: that the load balancer agrees."""

import re
import string
import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.listener_rules import (
    ListenerRuleError,
    allocate,
    conditions,
    priority,
    problems,
    rule,
)

LABELS = st.sampled_from(["a", "b", "api", "www"])
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "com"]))
HOSTS = st.one_of(NAMES, NAMES.map(lambda name: f"*.{name}"))
SEGMENTS = st.lists(st.sampled_from(["x", "y", "v1", "admin"]), max_size=4)
EXACT = SEGMENTS.map(lambda segments: "/" + "/".join(segments))
PATHS = st.one_of(EXACT, EXACT.map(lambda path: path.rstrip("/") + "/*"))
SINGLE = st.builds(
    lambda host, path: ([host] if host else [], [path] if path else []),
    st.one_of(st.none(), HOSTS),
    st.one_of(st.none(), PATHS),
)
SEVERAL = st.tuples(st.lists(HOSTS, max_size=2), st.lists(PATHS, max_size=3))
SERVICE = st.text(string.ascii_lowercase, min_size=3, max_size=12)


def matches(pattern, text):
    """The load balancer's own reading of a pattern, written independently: * is anything."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None


def takes(asked, host, path):
    hosts, paths = conditions(asked)
    return (not hosts or any(matches(h, host) for h in hosts)) and (
        not paths or any(matches(p, path) for p in paths)
    )


@pytest.mark.parametrize(
    ("hosts", "paths", "band"),
    [
        (["a.example.com"], ["/login"], 1),
        (["a.example.com"], ["/1/2/3/4/5/6/*"], 2),
        (["a.example.com"], ["/api/v1/*"], 6),
        (["a.example.com"], ["/api/*"], 7),
        (["a.example.com"], [], 8),
        (["*.b.c.d.example.com"], ["/login"], 9),
        (["*.example.com"], ["/login"], 33),
        (["*.example.com"], [], 40),
        ([], ["/login"], 41),
        ([], ["/api/*"], 47),
        ([], [], 48),
    ],
)
def test_a_priority_is_a_thousand_per_band_and_a_slot(hosts, paths, band):
    asked = rule("web", hosts, paths)

    assert priority(asked) // 1000 == band
    assert priority(rule("web", hosts, paths, slot=7)) == band * 1000 + 7


def test_the_slot_is_the_name_alone_in_every_process():
    code = (
        "from components.listener_rules import priority, rule;"
        "print(priority(rule('api', ['api.example.com'], ['/v1/*'])))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    # A literal, so that a change of the hash (which would move every rule of every stack) fails.
    assert printed == {"7325\n"}


@given(SINGLE, SINGLE, SERVICE, SERVICE)
def test_a_narrower_rule_always_comes_before_a_wider_one(narrow, wide, first, second):
    """Narrower: the wider pattern, read as the load balancer does, matches the narrower's text."""
    (narrow_host, narrow_path), (wide_host, wide_path) = narrow, wide
    inside = (
        not wide_host
        or bool(narrow_host and matches(wide_host[0], narrow_host[0].replace("*", "zz")))
    ) and (
        not wide_path
        or wide_path == ["/*"]
        or bool(narrow_path and matches(wide_path[0], narrow_path[0].replace("*", "zz/zz")))
    )
    a, b = rule("narrow", *narrow), rule("wide", *wide)
    assume(inside and (a.hosts, a.paths) != (b.hosts, b.paths))

    assert priority(rule(first, *narrow)) < priority(rule(second, *wide))


@given(SEVERAL, SEVERAL, SERVICE, SERVICE)
def test_no_accepted_rule_takes_what_another_says_more_narrowly(one, other, first, second):
    """Each value of the later rule is tried as a request; the earlier rule must not contain it."""
    rules = [rule(first, *one), rule(f"{second}-2", *other)]
    if problems(rules):
        return
    earlier, later = sorted(rules, key=priority)

    for host in later.hosts or ("any.host.of.anyone.org",):
        for path in later.paths or ("/any/path/of/anyone",):
            text = host.replace("*", "zz"), path.replace("*", "zz/zz")
            assert not takes(earlier, *text), f"{earlier} takes {text} from {later}"


@given(st.lists(st.tuples(SERVICE, SINGLE), max_size=6, unique_by=lambda pair: pair[0]), SINGLE)
def test_adding_a_rule_moves_no_other(services, extra):
    rules = [rule(name, *values) for name, values in services]
    more = [rule("0-newcomer", *extra), *rules]
    assume(not problems(more))

    before, after = allocate(rules), allocate(more)
    assert {name: after[name] for name in before} == before
    assert len(set(after.values())) == len(after)
    assert all(1000 <= value <= 48_999 for value in after.values())


@given(SERVICE, SEVERAL, st.randoms(use_true_random=False))
def test_the_order_of_values_does_not_matter(name, values, random):
    hosts, paths = list(values[0]), list(values[1])
    once = rule(name, hosts, paths)
    random.shuffle(hosts)
    random.shuffle(paths)

    assert rule(name, [h.upper() for h in hosts], paths) == once


def test_any_path_is_said_once_and_a_rule_always_has_a_condition():
    assert conditions(rule("web", [], [])) == ((), ("/*",))
    assert conditions(rule("web", [], ["/*", "/x"])) == ((), ("/*",))
    assert conditions(rule("web", ["A.example.com"], ["/*"])) == (("a.example.com",), ())


@pytest.mark.parametrize(
    ("hosts", "paths", "words"),
    [
        ([], ["/api*"], r"'/api\*' has a wildcard .* `/api` and `/api/\*`"),
        ([], ["/a?c"], "has a wildcard that is not a final"),
        ([], ["/a/*/b"], "has a wildcard that is not a final"),
        ([], ["api"], "must begin with /"),
        ([], [""], "must begin with /"),
        ([], ["/caf\u00e9"], "must begin with / and hold only"),
        ([], ["/a b"], "must begin with / and hold only"),
        ([], ["/1/2/3/4/5/6/7/*"], "more than 6 segments"),
        ([], ["/" + "x" * 128], "has 129 characters"),
        (["localhost"], [], "'localhost' is not a name"),
        (["*"], [], "is not a name"),
        (["*.com"], [], "is not a name"),
        (["a.*.com"], [], "is not a name"),
        (["a..com"], [], "is not a name"),
        (["10.0.0.1"], [], "letters after the last"),
        (["-a.com"], [], "is not a name"),
        (["a.com:8443"], [], "is not a name"),
        (["*.1.2.3.4.5.com"], [], "more than 5 labels"),
        (["a" * 125 + ".com"], [], "has 129 characters"),
        (["a.com", "b.com", "c.com"], ["/1", "/2", "/3"], "6 hosts and paths; .* holds 5"),
    ],
)
def test_what_the_load_balancer_or_the_order_cannot_take_is_refused(hosts, paths, words):
    with pytest.raises(ListenerRuleError, match=words):
        allocate([rule("web", hosts, paths)])


@pytest.mark.parametrize(
    ("hosts", "paths"),
    [
        (["a.com", "b.com"], ["/1", "/2", "/3"]),
        (["*.1.2.3.4.com"], ["/1/2/3/4/5/6/*"]),
        (["a" * 124 + ".com"], ["/" + "x" * 127]),
        ([], ["/~user/$x/a.b-c_d\"'@:+&/*"]),
    ],
)
def test_what_is_just_within_the_limits_is_accepted(hosts, paths):
    assert problems([rule("web", hosts, paths)]) == []


@pytest.mark.parametrize("slot", [-1, 1000])
def test_a_slot_outside_the_band_is_refused(slot):
    with pytest.raises(ListenerRuleError, match="not between 0 and 999"):
        allocate([rule("web", [], [], slot)])


def test_two_services_on_one_host_and_path_are_refused_by_name():
    web = rule("web", ["a.com", "b.com"], ["/x", "/y"])
    api = rule("api", ["B.com"], ["/y", "/z"])

    with pytest.raises(ListenerRuleError, match=r"web and api both claim host b\.com, path /y"):
        allocate([web, api])


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(ListenerRuleError, match="two rules are called web"):
        allocate([rule("web", [], ["/a"]), rule("web", [], ["/b"])])


def test_a_collision_of_hashes_is_refused_and_a_slot_settles_it():
    by_slot = {}
    for number in range(2000):
        name = f"service-{number}"
        other = by_slot.setdefault(priority(rule(name, ["a.com"], ["/x"])), name)
        if other != name:
            break
    first, second = rule(other, ["a.com"], ["/x"]), rule(name, ["a.com"], ["/y"])

    with pytest.raises(ListenerRuleError, match=f"{other} and {name} .* set `slot` of the newer"):
        allocate([first, second])

    settled = allocate([first, rule(name, ["a.com"], ["/y"], slot=priority(first) % 1000 - 1)])
    assert settled[other] == priority(first)
    assert settled[name] == priority(first) - 1


def test_a_rule_as_wide_as_its_widest_value_must_not_lose_its_narrow_one():
    mixed = rule("mixed", [], ["/x/*", "/api/admin/*"], slot=2)
    api = rule("api", [], ["/api/*"], slot=1)

    with pytest.raises(ListenerRuleError, match=r"api would take host \*, path /api/admin/\*"):
        allocate([mixed, api])
    assert problems([rule("mixed", [], ["/x/*", "/api/admin/*"], slot=0), api]) == []


def test_every_mistake_is_reported_at_once():
    found = problems([rule("web", ["localhost"], ["api"]), rule("api", [], ["/a*"])])

    assert [text.split(":")[0] for text in found] == ["web", "web", "api"]
