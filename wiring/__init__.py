"""From settings to component arguments, a module per part of a stack, a method per component.

Creates nothing, decides nothing: what a stage implies is in `configuration.profiles`, what is safe
is in the components' own defaults; here a setting only finds the argument that it is for.
"""
