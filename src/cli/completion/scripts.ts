/**
 * What a shell runs when somebody presses TAB: each asks `spliceway complete` for the words that may stand there, a line each,
 * with a tab and a description behind.
 */

/**
 * Bash takes a word for several where it has `:` or `=` in it (COMP_WORDBREAKS), and replaces the last of them alone. What it
 * puts there it does not quote: the name of a backend may be a path, with whatever letters.
 */
const BASH = `_spliceway() {
  local line="\${COMP_LINE:0:COMP_POINT}" word cut='' reply
  local -a words
  line="\${line//\\\\/}"
  read -ra words <<< "$line"
  [[ "$line" == *' ' ]] && words+=('')
  word="\${words[-1]}"
  [[ "$COMP_WORDBREAKS" == *:* && "$word" == *:* ]] && cut="\${word%"\${word##*:}"}"
  [[ "$COMP_WORDBREAKS" == *=* && "\${word#"$cut"}" == *=* ]] && cut="\${word%"\${word##*=}"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r reply _; do
    printf -v reply %q "\${reply#"$cut"}"
    COMPREPLY+=("$reply")
  done < <("\${COMP_WORDS[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
  [[ "\${#COMPREPLY[@]}" == 1 && "\${COMPREPLY[0]}" == *= ]] && compopt -o nospace
}
complete -o default -F _spliceway spliceway
`;

const ZSH = `#compdef spliceway
_spliceway() {
  local line
  local -a found begun
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ "$line" == *=$'\\t'* ]]; then
      begun+=("\${line%%$'\\t'*}")
    elif [[ -n "$line" ]]; then
      found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  (( $#begun )) && compadd -S '' -a begun
  if (( $#found )); then
    _describe -V spliceway found
  elif (( ! $#begun )); then
    _files
  fi
}
if [[ "$funcstack[1]" == _spliceway ]]; then
  _spliceway "$@"
else
  compdef _spliceway spliceway
fi
`;

const FISH = `function __spliceway_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c spliceway -f -a '(__spliceway_complete)'
complete -c spliceway -n '__fish_prev_arg_in -c --config --control --state' -F
`;

export const scripts: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
