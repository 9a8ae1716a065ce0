# The SAM CLI: deploy with its own bucket, outputs, a change, nothing to do, a failed update that is
# rolled back, recovery, delete. The template has no transform. Run in a copy of sam/.
set -euo pipefail
. ../expect.sh
export SAM_CLI_TELEMETRY=0
deploy() {
    sam deploy --stack-name shop --resolve-s3 --no-confirm-changeset --capabilities CAPABILITY_IAM "$@" >out 2>&1
}

deploy
expect 'it is created' status shop CREATE_COMPLETE
expect 'the code is in the bucket' \
    test "$(aws s3 ls "s3://$(aws cloudformation describe-stacks --stack-name aws-sam-cli-managed-default \
        --query 'Stacks[0].Outputs[0].OutputValue' --output text)" | wc -l)" -ge 1
sam list stack-outputs --stack-name shop --output json >out 2>&1
expect 'the queue is an output' grep -q '/123456789012/orders-test"' out
sam list resources --stack-name shop --output json >out 2>&1
expect 'the worker is listed' grep -q 'Worker' out

refuse 'nothing changes' deploy
expect 'that is said' grep -q 'No changes to deploy' out
deploy --parameter-overrides Delay=5
expect 'it is updated' status shop UPDATE_COMPLETE
expect 'the queue changed' grep -q 'UPDATE_COMPLETE .*AWS::SQS::Queue' out

refuse 'a delay is out of bounds' deploy --parameter-overrides Delay=5000
expect 'the reason is told' grep -q 'AWS::EarlyValidation::PropertyValidation' out
deploy --parameter-overrides Delay=6 Stage=prod
expect 'it recovers' status shop UPDATE_COMPLETE

sam delete --stack-name shop --no-prompts --region us-east-1 >out 2>&1
expect 'only its own stack is left' \
    test "$(aws cloudformation describe-stacks --query 'Stacks[].StackName' --output text)" = aws-sam-cli-managed-default
echo lived
