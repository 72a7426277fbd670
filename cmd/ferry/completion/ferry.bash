# Completion of ferry for bash: source <(ferry completion bash)

_ferry() {
	local cur="${COMP_WORDS[COMP_CWORD]}" words
	[ "$cur" = "=" ] && cur=""
	words=$("${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$cur" --generate-bash-completion 2>/dev/null)
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o bashdefault -o default -F _ferry ferry
