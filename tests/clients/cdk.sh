# The CDK CLI: bootstrap, deploy, diff, update, a failed deploy that rolls back and one that is rolled
# back by hand, destroy. Run in a copy of cdk/.
set -euo pipefail
. ../expect.sh
export NODE_NO_WARNINGS=1
quiet=(--require-approval never --progress events)

cdk bootstrap >out 2>&1
cdk deploy --all "${quiet[@]}" >out 2>&1
expect 'the function is an output' grep -q '^Work.Function = Work-Worker' out
aws s3 ls s3://cdk-hnb659fds-assets-123456789012-us-east-1/ >out
expect 'the asset is in the bucket' grep -q '\.zip$' out

refuse 'a delay is a difference' cdk diff --all --fail -c delay=5 >out 2>&1
expect 'the delay is shown' grep -q 'DelaySeconds' out
expect 'the other stack is as it was' grep -q 'Number of stacks with differences: 1' out

refuse 'the name is taken' cdk deploy Queues "${quiet[@]}" -c delay=5 -c taken=1 >out 2>&1
expect 'the reason is told' grep -q 'already exists' out
expect 'it is rolled back' status Queues UPDATE_ROLLBACK_COMPLETE
refuse 'the name is still taken' \
    cdk deploy Queues "${quiet[@]}" -c delay=5 -c taken=1 --no-rollback >out 2>&1
expect 'it stays where it stopped' status Queues UPDATE_FAILED
cdk rollback Queues >out 2>&1
expect 'it is rolled back by hand' status Queues UPDATE_ROLLBACK_COMPLETE
cdk deploy --all "${quiet[@]}" -c delay=5 >out 2>&1
expect 'it recovers' status Queues UPDATE_COMPLETE
expect 'the queue is updated' grep -q 'UPDATE_COMPLETE .*AWS::SQS::Queue' out

# 3.0.0 has no such command.
if cdk --help 2>&1 | grep -q '^ *cdk drift'; then
    infra local drift Queues OrdersA9B65338 --set DelaySeconds=60 >out 2>&1
    refuse 'the queue drifted' cdk drift Queues --fail >out 2>&1
    expect 'the delay is shown' grep -q '\[+\] 60' out
fi

cdk destroy --all --force >out 2>&1
expect 'the bootstrap stack is left' \
    test "$(aws cloudformation describe-stacks --query 'Stacks[].StackName' --output text)" = CDKToolkit
echo lived
