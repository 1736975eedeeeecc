"""What only the real engine can prove: differences, default tags, the pack as the CLI runs it."""

import json

import pytest

pytestmark = pytest.mark.engine


def test_a_stack_comes_up_changes_nothing_the_second_time_and_goes_away(engine):
    engine.must("up", "--stack", "local", "--yes", "--policy-pack", "policies")

    outputs = json.loads(engine.must("stack", "output", "--json", "--stack", "local"))
    assert outputs["url"].startswith("https://")
    engine.must("preview", "--stack", "local", "--expect-no-changes")
    engine.must("destroy", "--stack", "local", "--yes")
    left = json.loads(engine.must("stack", "export", "--stack", "local"))["deployment"]
    assert [one["urn"] for one in left.get("resources") or []] == []


def test_the_engine_refuses_a_value_of_the_wrong_type_before_the_program_runs(engine):
    path = engine.project / "Pulumi.local.yaml"
    path.write_text(path.read_text().replace("ipv6: false", "ipv6: maybe"))

    done = engine.run("preview", "--stack", "local")
    assert done.returncode != 0
    assert "ipv6" in done.stdout + done.stderr


def test_the_program_refuses_what_the_schema_cannot_see(engine):
    engine.must("config", "set", "--stack", "local", "networkCidr", "11.0.0.0/16")

    done = engine.run("preview", "--stack", "local")
    assert done.returncode != 0
    assert "RFC 1918" in done.stdout + done.stderr


def test_the_pack_stops_a_stack_that_breaks_a_mandatory_rule(engine):
    path = engine.project / "components" / "public_alb.py"
    text = path.read_text()
    assert text.count('"redirect": {"protocol": "HTTPS"') == 1
    path.write_text(
        text.replace('"redirect": {"protocol": "HTTPS"', '"redirect": {"protocol": "HTTP"')
    )

    done = engine.run("preview", "--stack", "local", "--policy-pack", "policies")
    assert done.returncode != 0
    assert "tls-listener-https" in done.stdout + done.stderr


def test_a_resource_that_escapes_the_provider_is_refused(engine):
    path = engine.project / "__main__.py"
    path.write_text(path.read_text() + '\naws.sns.Topic("stray")\n')

    done = engine.run("preview", "--stack", "local")
    assert done.returncode != 0
    assert "must use an explicit provider" in done.stdout + done.stderr
