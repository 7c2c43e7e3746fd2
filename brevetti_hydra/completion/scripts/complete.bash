# Completion of brevetti-hydra for bash. Load it:  eval "$(brevetti-hydra completion bash)"

# Ask for the line up to the cursor; fill COMPREPLY. Its status is 3 where python does something else.
_brevetti_hydra_ask() {
  local answer line
  COMPREPLY=()
  answer=$(@PYTHON@ -P -m brevetti_hydra.completion bash "$1" \
    "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null) || return
  {
    read -r line
    if [ "$line" = open ]; then compopt -o nospace 2>/dev/null; fi
    while IFS= read -r line; do COMPREPLY+=("$line"); done
  } <<<"$answer"
  compopt -o nosort 2>/dev/null
  return 0
}

_brevetti_hydra() {
  _brevetti_hydra_ask script
  # Nothing of ours is no reason to offer all files.
  return 0
}

# Whatever completed python before goes on to do so, but for `-m brevetti_hydra`.
_brevetti_hydra_python() {
  if [[ $COMP_LINE == *brevetti_hydra* ]]; then
    _brevetti_hydra_ask python && { compopt +o default +o bashdefault 2>/dev/null; return 0; }
  fi
  local name=${1##*/} before
  _brevetti_hydra_before "$name"
  before=$REPLY
  COMPREPLY=()
  case $before in
    *' -F '*)
      local function=${before#* -F }
      function=${function%% *}
      case $before in *' -o nospace '*) compopt -o nospace 2>/dev/null ;; esac
      case $before in *' -o filenames '*) compopt -o filenames 2>/dev/null ;; esac
      "$function" "$@"
      ;;
    complete' '*)
      # The specification is bash's own spelling of what the user's shell was told.
      local line words=${before#complete }
      while IFS= read -r line; do
        if [ -n "$line" ]; then COMPREPLY+=("$line"); fi
      done <<<"$(eval "compgen ${words% *} -- \"\$2\"" 2>/dev/null)"
      ;;
  esac
}

# Give in REPLY how a name was completed before, or nothing.
_brevetti_hydra_before() {
  local variable=_brevetti_hydra_before_${1//[^A-Za-z0-9]/_}
  REPLY=${!variable-}
  if [ -z "$REPLY" ] && [ -z "${_brevetti_hydra_is_loading-}" ]; then
    # bash-completion loads its own when a name is first completed.
    local _brevetti_hydra_is_loading=1 loader
    for loader in _comp_load __load_completion; do
      if declare -F "$loader" >/dev/null && "$loader" "$1" 2>/dev/null; then
        # It may have taken all of them, not this one alone.
        _brevetti_hydra_take "$1" "${_brevetti_hydra_pythons[@]}"
        REPLY=${!variable-}
        break
      fi
    done
  fi
}

# Complete these names from now on, and remember who did.
_brevetti_hydra_take() {
  local before name
  for name; do
    before=$(complete -p -- "$name" 2>/dev/null) || before=
    case $before in
      '' | *_brevetti_hydra_python*) ;;
      *) printf -v "_brevetti_hydra_before_${name//[^A-Za-z0-9]/_}" %s "$before" ;;
    esac
    complete -o bashdefault -o default -F _brevetti_hydra_python -- "$name"
  done
}

_brevetti_hydra_pythons=(python python3 python3.{11..14})
complete -F _brevetti_hydra brevetti-hydra
_brevetti_hydra_take "${_brevetti_hydra_pythons[@]}"
