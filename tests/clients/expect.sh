# What the scripts share: a promise that is not kept ends the script, and shows what was said last.
exec 3>&2
broken() {
    {
        echo "not so: $1"
        [ ! -e out ] || tail -n 40 out
    } >&3
    exit 1
}
set -o errtrace
trap 'broken "line $LINENO: $BASH_COMMAND"' ERR

# expect WHAT COMMAND...: the command succeeds.
expect() {
    local what="$1"
    shift
    "$@" || broken "$what"
}

# refuse WHAT COMMAND...: the command fails.
refuse() {
    local what="$1"
    shift
    if "$@"; then broken "$what"; fi
}

# status STACK STATUS: the stack is in the status.
status() {
    local query='Stacks[0].StackStatus'
    test "$(aws cloudformation describe-stacks --stack-name "$1" --query "$query" --output text)" = "$2"
}
