"""What bash is told. It is 3.2 or newer, whatever is set: errexit, nounset, posix.

The prompt is not written into PS1: an expansion stands there, which prints what DOCK_PROMPT holds.
A hook puts it back where others make PS1 anew, as a virtualenv does.
"""

from __future__ import annotations

from dockerutils.docks.shell.dialect import Dialect
from dockerutils.docks.shell.quoting import posix_quoted

BORROWED = """
if ! declare -F _dock_run >/dev/null; then
  function castoff {
    local pid=${BASHPID:-$$} code
    code=$(@PROGRAM@ _shell castoff bash "$pid" "$@") || return 1
    eval "$code"
  }
fi
"""
RETURNED = """
declare -F _dock_run >/dev/null || unset -f castoff
"""
# PROMPT_COMMAND is a list from bash 5.1 on. A hook on a line of its own follows whatever was there.
SHOW = r"""
_dock_show() {
  local kind=
  if [[ $- != *i* || -z ${DOCK_PROMPT-} || -n ${DOCKERUTILS_DISABLE_PROMPT-} ]]; then return 0; fi
  if ! shopt -q promptvars; then return 0; fi
  _dock_prompt() {
    local before=$?
    if [[ ${PS1+set} && ${PS1-} != *'${DOCK_PROMPT-}'* ]]; then PS1='${DOCK_PROMPT-}'$PS1; fi
    return "$before"
  }
  if (( BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501 )); then
    if [[ ${PROMPT_COMMAND[*]+set} ]]; then kind=${PROMPT_COMMAND@a}; fi
  fi
  if [[ $kind == *r* || ${PROMPT_COMMAND[*]-} == *_dock_prompt* ]]; then :
  elif [[ $kind == *a* ]]; then PROMPT_COMMAND+=(_dock_prompt)
  elif [[ -z ${PROMPT_COMMAND-} ]]; then PROMPT_COMMAND=_dock_prompt
  else PROMPT_COMMAND+=$'\n_dock_prompt'
  fi
  if [[ $kind == *x* ]]; then export -f _dock_prompt; fi
  _dock_prompt
}
_dock_show
unset -f _dock_show
"""
HIDE = r"""
_dock_hide() {
  local mark='${DOCK_PROMPT-}' hook=$'\n_dock_prompt' index rest
  if [[ ${PS1+set} ]]; then PS1=${PS1//"$mark"/}; fi
  if [[ ${_OLD_VIRTUAL_PS1+set} ]]; then _OLD_VIRTUAL_PS1=${_OLD_VIRTUAL_PS1//"$mark"/}; fi
  if [[ ${PROMPT_COMMAND[*]-} != *_dock_prompt* ]]; then return 0; fi
  if [[ $(declare -p PROMPT_COMMAND) =~ ^declare\ -[A-Za-z]*a ]]; then
    for index in "${!PROMPT_COMMAND[@]}"; do
      rest=${PROMPT_COMMAND[index]%"$hook"}
      case "$rest" in
        _dock_prompt) unset "PROMPT_COMMAND[index]" ;;
        *) PROMPT_COMMAND[index]=${rest//_dock_prompt/:} ;;
      esac
    done
  else
    rest=${PROMPT_COMMAND%"$hook"}
    case "$rest" in
      _dock_prompt) unset PROMPT_COMMAND ;;
      *) PROMPT_COMMAND=${rest//_dock_prompt/:} ;;
    esac
  fi
}
_dock_hide
unset -f _dock_hide _dock_prompt
"""
INIT = """
function _dock_run {
  local pid=${BASHPID:-$$} action=$1 code
  shift
  code=$(@PROGRAM@ _shell "$action" bash "$pid" "$@") || return 1
  eval "$code"
}
function dock { _dock_run dock "$@"; }
function castoff { _dock_run castoff "$@"; }
function _dock_complete {
  local words one
  COMPREPLY=()
  words=$(@PROGRAM@ _shell complete bash $$ "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
  while IFS= read -r one; do
    if [[ -n $one ]]; then COMPREPLY+=("$one"); fi
  done <<<"$words"
}
if [[ $- == *i* ]]; then
  complete -F _dock_complete dock castoff
  complete -o default -F _dock_complete @COMMANDS@
fi
"""
BASH = Dialect(
    name="bash",
    quote=posix_quoted,
    export="export {name}={value}",
    unset="unset -v {name}",
    borrowed=BORROWED,
    returned=RETURNED,
    show=SHOW,
    hide=HIDE,
    init=INIT,
)
