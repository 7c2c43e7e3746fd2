# Completion of brevetti-hydra for zsh. Load it:  eval "$(brevetti-hydra completion zsh)"

# Ask for the words up to the cursor; add the candidates. Its status is 3 where python does
# something else.
_brevetti_hydra_ask() {
  local answer line
  local -a fields open open_shown closed closed_shown
  answer=$(@PYTHON@ -P -m brevetti_hydra.completion zsh $1 \
    "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null) || return
  for line in "${(@f)answer}"; do
    fields=("${(@ps:\t:)line}")
    (( $#fields == 3 )) || continue
    if [[ $fields[1] == open ]]; then
      open+=("${(g::)fields[2]}")
      open_shown+=("$fields[3]")
    else
      closed+=("${(g::)fields[2]}")
      closed_shown+=("$fields[3]")
    fi
  done
  local -a as_list
  [[ $answer == *' -- '* ]] && as_list=(-l)
  compadd -V brevetti-hydra $as_list -d closed_shown -a closed
  compadd -V brevetti-hydra $as_list -S '' -d open_shown -a open
  return 0
}

_brevetti_hydra() {
  _brevetti_hydra_ask script
}

# Whatever completed python before goes on to do so, but for `-m brevetti_hydra`.
_brevetti_hydra_python() {
  if [[ "$words" == *brevetti_hydra* ]]; then
    _brevetti_hydra_ask python && return
  fi
  local before=${_brevetti_hydra_before[${words[1]:t}]:-_default}
  eval "$before"
}

(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
typeset -gA _brevetti_hydra_before
() {
  local name before
  for name in python python3 python3.{11..14}; do
    before=${_comps[$name]-}
    [[ -z $before ]] && (( $+functions[_python] )) && before=_python
    [[ -n $before && $before != _brevetti_hydra_python ]] && _brevetti_hydra_before[$name]=$before
    compdef _brevetti_hydra_python $name
  done
}
compdef _brevetti_hydra brevetti-hydra
