# shellcheck shell=bash
#
# What the scripts that deploy and remove share, whatever the platform: messages, flags, functions, and the endpoints file.

# In the order in which they are deployed and listed.
readonly known_functions=(chameleon cnn_serving)
# What is sent to try a function, and what awsinvoker sends.
# shellcheck disable=SC2034  # The scripts use it.
declare -rA payloads=([chameleon]='{"num_of_rows":10,"num_of_cols":15}' [cnn_serving]='{"input_file_seq":0}')
# shellcheck disable=SC2034  # The scripts use it.
functions=() dry_run=0 yes=0

# Readable by the user alone: it may hold the variables of a function.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Without this, Bash goes on if the command that runs took the signal as well and yet succeeded.
trap 'exit 130' INT

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "$@" && exit 1; }
usage_error() { say "$*; see ${0##*/} --help" && exit 2; }

# as_typed COMMAND... prints a command as it would be typed.
as_typed() {
    local word line=''
    for word; do
        [[ $word =~ ^[A-Za-z0-9_./:=@,+-]+$ ]] || word=${word@Q}
        line+=" $word"
    done
    printf '%s\n' "${line# }"
}

# --- flags --------------------------------------------------------------------------------------------------

# set_flag FLAG [VALUE]... sets the variable that is named like the flag.
set_flag() {
    local name=${1#--}
    [[ -n ${2-} ]] || usage_error "$1 needs a value"
    printf -v "${name//-/_}" '%s' "$2"
}

# expect FLAG VALUE REGULAR_EXPRESSION WHAT_IS_EXPECTED; an empty value is one that was not given
expect() { [[ -z $2 || $2 =~ ^($3)$ ]] || usage_error "$1 is $2, expected $4"; }

# expect_number FLAG VALUE MIN MAX
expect_number() {
    expect "$1" "$2" '0|[1-9][0-9]{0,5}' "$3 to $4"
    (($2 >= $3 && $2 <= $4)) || usage_error "$1 is $2, expected $3 to $4"
}

need_command() { command -v "$1" >/dev/null || fail "$1 is missing: install $2"; }

# confirm QUESTION asks before something is deleted, unless --yes is given.
confirm() {
    local reply=''
    ((!yes)) || return 0
    [[ -t 0 ]] || fail 'nothing was deleted: there is no terminal to ask on; give --yes if you mean it'
    read -rp "$1 [y/N] " reply || true
    [[ $reply == [yY] || $reply == [yY][eE][sS] ]] || fail 'nothing was deleted'
}

# --- functions ----------------------------------------------------------------------------------------------

# Checks the names that were given, and sorts them; none means all.
check_functions() {
    local name
    for name in "${functions[@]}"; do
        expect function "$name" 'chameleon|cnn_serving' "one of: ${known_functions[*]}"
    done
    ((${#functions[@]} > 0)) || functions=("${known_functions[@]}")
    mapfile -t functions < <(printf '%s\n' "${functions[@]}" | sort -u)
}

is_wanted() { [[ " ${functions[*]} " == *" $1 "* ]]; }

# --- the endpoints file -------------------------------------------------------------------------------------

check_endpoints_file() {
    local file
    for file in "$endpoints_file" "$endpoints_file.bak"; do
        [[ ! -d $file && -w $([[ -e $file ]] && echo "$file" || dirname "$file") ]] ||
            [[ $file == *.bak && ! -s $endpoints_file ]] || [[ $endpoints_file == /dev/null ]] ||
            fail "--endpoints-file $endpoints_file: cannot write $file, expected a file that can be written"
    done
}

# write_endpoints_file COMMAND writes the entries on standard input, each a line that ends in a comma, for the command that
# is printed; keeps another file that was there.
write_endpoints_file() {
    local content
    content=$(cat)
    content=$'[\n'${content%,}$'\n]'
    [[ ! -f $endpoints_file || $(<"$endpoints_file") != "$content" ]] || { say "$endpoints_file is up to date" && return; }
    if [[ -s $endpoints_file && -f $endpoints_file ]]; then
        say "$endpoints_file was another: keeping that as $endpoints_file.bak"
        cp -- "$endpoints_file" "$endpoints_file.bak"
    fi
    printf '%s\n' "$content" >"$endpoints_file"
    say "wrote $endpoints_file for ${functions[*]}: $1"
}
