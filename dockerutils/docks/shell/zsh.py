"""What zsh is told. Its functions do not mind the options that a user has set.

The prompt is not written into PS1: a conditional expansion stands there, of an element of psvar
that a hook keeps equal to DOCK_PROMPT. It needs no prompt_subst.
"""

from __future__ import annotations

from dockerutils.docks.shell.dialect import Dialect
from dockerutils.docks.shell.quoting import posix_quoted

PID = """
  local pid=$$
  if zmodload -F zsh/system p:sysparams 2>/dev/null; then pid=${sysparams[pid]}; fi
"""
BORROWED = f"""
if (( ! ${{+functions[_dock_run]}} )); then
  function castoff {{
{PID.strip(chr(10))}
    local code
    code=$(@PROGRAM@ _shell castoff zsh "$pid" "$@") || return 1
    eval "$code"
  }}
fi
"""
RETURNED = """
if (( ! ${+functions[_dock_run]} && ${+functions[castoff]} )); then unset -f castoff; fi
"""
SHOW = """
function _dock_show {
  if [[ ! -o interactive || -z ${DOCK_PROMPT-} || -n ${DOCKERUTILS_DISABLE_PROMPT-} ]]; then
    return 0
  fi
  if [[ ! -o promptpercent ]]; then return 0; fi
  emulate -L zsh
  function _dock_prompt {
    local before=$?
    emulate -L zsh
    psvar[9]=${DOCK_PROMPT-}
    if [[ ${PS1-} != *'%(9V.%9v.)'* ]]; then PS1='%(9V.%9v.)'${PS1-}; fi
    return $before
  }
  typeset -ga precmd_functions
  precmd_functions=(${precmd_functions:#_dock_prompt} _dock_prompt)
  _dock_prompt
}
_dock_show
unset -f _dock_show
"""
HIDE = """
function _dock_hide {
  emulate -L zsh
  local mark='%(9V.%9v.)'
  if (( ${+PS1} )); then PS1=${PS1//$mark/}; fi
  if (( ${+_OLD_VIRTUAL_PS1} )); then _OLD_VIRTUAL_PS1=${_OLD_VIRTUAL_PS1//$mark/}; fi
  if (( ! ${+functions[_dock_prompt]} )); then return 0; fi
  precmd_functions=(${precmd_functions:#_dock_prompt})
  psvar[9]=''
  while (( $#psvar )) && [[ -z $psvar[-1] ]]; do psvar[-1]=(); done
  unfunction _dock_prompt
}
_dock_hide
unset -f _dock_hide
"""
INIT = f"""
function _dock_run {{
{PID.strip(chr(10))}
  local action=$1 code
  shift
  code=$(@PROGRAM@ _shell "$action" zsh "$pid" "$@") || return 1
  eval "$code"
}}
function dock {{ _dock_run dock "$@" }}
function castoff {{ _dock_run castoff "$@" }}
function _dock_complete {{
  emulate -L zsh
  local -a found
  found=("${{(@f)$(@PROGRAM@ _shell complete zsh $$ "${{(@)words[1,CURRENT]}}" 2>/dev/null)}}")
  found=(${{found:#}})
  if (( $#found )); then compadd -a found; return; fi
  # The completion system has options of its own, which emulate took away.
  setopt localoptions ${{_comp_options[@]}}
  if [[ $words[1] != (dock|castoff) ]]; then _default; fi
}}
function _dock_complete_soon {{
  precmd_functions=(${{precmd_functions:#_dock_complete_soon}})
  unfunction _dock_complete_soon
  if (( ${{+functions[compdef]}} )); then compdef _dock_complete dock castoff @COMMANDS@; fi
}}
if [[ -o interactive ]]; then
  typeset -ga precmd_functions
  precmd_functions+=(_dock_complete_soon)
fi
"""
ZSH = Dialect(
    name="zsh",
    quote=posix_quoted,
    export="export {name}={value}",
    unset="unset -v {name}",
    borrowed=BORROWED,
    returned=RETURNED,
    show=SHOW,
    hide=HIDE,
    init=INIT,
)
