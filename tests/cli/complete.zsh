# SPDX-License-Identifier: MIT
# complete.zsh COMPLETIONS PROGRAM LINE: what zsh would offer for "PROGRAM LINE", one a line, sorted. The completion
# system works only in an interactive shell; so one runs on a terminal of its own, and what it finds goes to a file.

zmodload zsh/zpty
found=$(mktemp)

zpty shell zsh -f -i
zpty -w shell "
fpath=(${(q)1} \$fpath)
autoload -U compinit
compinit -u -d $found.dump
compdef _chrondb ${(q)2:t}
compadd() {
    if [[ \${(j: :)@[1,(i)(-|--)]} == *-[OAD]* ]]; then
        builtin compadd \"\$@\"
        return
    fi
    local -a hits
    builtin compadd -A hits \"\$@\"
    (( \$#hits )) && print -rl -- \$hits >>$found
}
collect() {
    zle complete-word
    touch $found.done
}
zle -N collect
bindkey '^I' collect
unsetopt beep
"
zpty -w -n shell "${(q)2} $3"$'\t'
for ((i = 0; i < 300; i++)); do
    [[ -e $found.done ]] && break
    sleep 0.02
done
zpty -d shell
sort -u $found
rm -f $found $found.dump $found.done
