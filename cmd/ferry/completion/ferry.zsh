#compdef ferry
# Completion of ferry for zsh: source <(ferry completion zsh)

_ferry() {
	local -a candidates
	candidates=("${(@f)$("${words[1]}" "${(@)words[2,CURRENT]}" --generate-bash-completion 2>/dev/null)}")
	if [[ -n "${candidates[1]}" ]]; then
		compadd -- "${candidates[@]}"
	else
		_files
	fi
}

compdef _ferry ferry
