"""What fish is told.

The dock stands in what fish_mode_prompt prints, before the prompt proper: virtualenvs and most
themes change the latter only.
"""

from __future__ import annotations

from dockerutils.docks.shell.dialect import Dialect
from dockerutils.docks.shell.quoting import fish_quoted

# A universal variable is every fish's, and exported whatever covers it: then by an empty one.
EXPORT = 'set -eg {name}; set -qx {name}; and test "${name}" = {value}; or set -gx {name} {value}'
UNSET = "set -eg {name}; set -qx {name}; and set -gx {name} ''"
BORROWED = """
if not functions -q _dock_run
    function castoff --description 'Leave the dock'
        set -l code (@PROGRAM@ _shell castoff fish $fish_pid $argv | string collect)
        or return 1
        eval $code
    end
end
"""
RETURNED = """
functions -q _dock_run; or functions -e castoff
"""
SHOW = """
if status is-interactive; and set -q DOCK_PROMPT; and test -z "$DOCKERUTILS_DISABLE_PROMPT"
    and not functions -q _dock_prompt
    functions -q fish_mode_prompt; and functions -c fish_mode_prompt _dock_mode_prompt
    function _dock_prompt --description 'Print which dock this terminal is on'
        set -q DOCK_PROMPT; and printf %s "$DOCK_PROMPT"
    end
    function fish_mode_prompt --description 'Print the dock, and what was printed before'
        _dock_prompt
        functions -q _dock_mode_prompt; and _dock_mode_prompt
    end
end
"""
HIDE = """
if functions -q _dock_prompt
    if functions fish_mode_prompt | string match -q '*_dock_prompt*'
        functions -e fish_mode_prompt
        functions -q _dock_mode_prompt; and functions -c _dock_mode_prompt fish_mode_prompt
    end
    functions -q _dock_mode_prompt; and functions -e _dock_mode_prompt
    functions -e _dock_prompt
end
"""
INIT = """
function _dock_run
    set -l code (@PROGRAM@ _shell $argv[1] fish $fish_pid $argv[2..-1] | string collect)
    or return 1
    eval $code
end
function dock --description 'Work on a dock'
    _dock_run dock $argv
end
function castoff --description 'Leave the dock'
    _dock_run castoff $argv
end
function _dock_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (@PROGRAM@ _shell complete fish $fish_pid $words 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else if not contains -- $words[1] dock castoff
        __fish_complete_path (commandline -ct)
    end
end
if status is-interactive
    for command in dock castoff @COMMANDS@
        complete --command $command --no-files --arguments '(_dock_complete)'
    end
end
"""
FISH = Dialect(
    name="fish",
    quote=fish_quoted,
    export=EXPORT,
    unset=UNSET,
    borrowed=BORROWED,
    returned=RETURNED,
    show=SHOW,
    hide=HIDE,
    init=INIT,
)
