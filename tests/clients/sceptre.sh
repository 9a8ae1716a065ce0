# Sceptre: launch, status, a change by itself and one by a change set, a failed update, delete. The
# templates go through a bucket. Run in a copy of sceptre/.
set -euo pipefail
. ../expect.sh
say() { sceptre --no-colour "$@" >out 2>&1; }
all() {
    say status shop
    test "$(tr -d '{}" \n' <out)" = "shop/orders:$1,shop/news:$2" || broken "the status is $1, $2"
}

say validate shop
say launch -y shop
all CREATE_COMPLETE CREATE_COMPLETE
aws s3 ls s3://sceptre-templates/ --recursive >out
expect 'the templates are in the bucket' grep -q 'shop/orders/.*\.json$' out
say list outputs shop
expect 'the output is told' grep -q 'arn:aws:sqs:us-east-1:123456789012:orders' out

say --var delay=5 diff shop/orders.yaml
expect 'the delay differs' grep -q "new_value: '5'" out
say --var delay=5 create -y shop/orders.yaml six
say --var delay=5 describe change-set shop/orders.yaml six
expect 'the queue changes' grep -q "'Action': 'Modify', 'LogicalResourceId': 'Orders'" out
say execute -y shop/orders.yaml six
all UPDATE_COMPLETE CREATE_COMPLETE
say --var delay=5 launch -y shop
expect 'nothing changes' test "$(grep -c 'No updates to perform' out)" = 2

refuse 'the name is taken' say --var second=orders update -y shop/orders.yaml
expect 'the reason is told' grep -q 'already exists' out
all UPDATE_ROLLBACK_COMPLETE CREATE_COMPLETE
say launch -y shop
all UPDATE_COMPLETE CREATE_COMPLETE

say drift detect shop/orders.yaml
expect 'nothing drifted' grep -q IN_SYNC out

say delete -y shop
all PENDING PENDING
echo lived
