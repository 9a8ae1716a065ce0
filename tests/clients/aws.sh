# The AWS CLI: deploy, wait, describe, an update, a failed one that rolls back and one that is rolled
# back by hand, delete; and S3 for templates, artifacts and large files. Run in a copy of aws/.
set -euo pipefail
. ../expect.sh
formation() { aws cloudformation "$@" --output text; }
deploy() {
    formation deploy --stack-name shop --template-file shop.yaml --tags team=trade "$@" >out 2>&1
}
output() { formation describe-stacks --stack-name shop --query "Stacks[0].$1"; }

deploy --parameter-overrides Delay=1
formation wait stack-create-complete --stack-name shop
expect 'it is created' status shop CREATE_COMPLETE
expect 'it has its tag' test "$(output 'Tags[0].Value')" = trade
url="$(output 'Outputs[0].OutputValue')"
expect 'the queue has its URL' test "${url##*/}" = orders
expect 'the export is listed' test "$(formation list-exports --query 'Exports[0].Value')" = "$url"
expect 'the parameter is stored' \
    test "$(aws ssm get-parameter --name /shop/url --query Parameter.Value --output text)" = "$url"
expect 'four resources are listed' test "$(
    formation list-stack-resources --stack-name shop --query 'length(StackResourceSummaries)'
)" = 4
one="$(formation describe-stack-resource --stack-name shop --logical-resource-id Store \
    --query StackResourceDetail.PhysicalResourceId)"
expect 'the bucket has its name' test "$one" = shop-store

refuse 'nothing changes' deploy --fail-on-empty-changeset
expect 'that is said' grep -q 'No changes to deploy' out
# The CLI names its change sets by the second: one that is left would be in the way of the next.
empty="$(formation list-change-sets --stack-name shop --query 'Summaries[0].ChangeSetName')"
formation delete-change-set --stack-name shop --change-set-name "$empty"
deploy --parameter-overrides Delay=5
expect 'it is updated' status shop UPDATE_COMPLETE

refuse 'the name is taken' deploy --parameter-overrides Delay=6 Second=orders
expect 'it is rolled back' status shop UPDATE_ROLLBACK_COMPLETE
expect 'the delay is as it was' \
    test "$(output "Parameters[?ParameterKey=='Delay'].ParameterValue | [0]")" = 5
formation describe-stack-events --stack-name shop \
    --query "StackEvents[?ResourceStatus=='UPDATE_FAILED'].ResourceStatusReason" >out
expect 'the reason is told' grep -q 'already exists' out
refuse 'the name is still taken' deploy --disable-rollback --parameter-overrides Second=orders
expect 'it stays where it stopped' status shop UPDATE_FAILED
formation rollback-stack --stack-name shop >out
formation wait stack-rollback-complete --stack-name shop
deploy --parameter-overrides Delay=7
expect 'it recovers' status shop UPDATE_COMPLETE

drift() {
    local id
    id="$(formation detect-stack-drift --stack-name shop)"
    formation describe-stack-drift-detection-status --stack-drift-detection-id "$id" \
        --query '[DetectionStatus,StackDriftStatus]' | xargs
}
expect 'nothing drifted' test "$(drift)" = 'DETECTION_COMPLETE IN_SYNC'
infra local drift shop Orders --set DelaySeconds=60 >out 2>&1
expect 'a queue drifted' test "$(drift)" = 'DETECTION_COMPLETE DRIFTED'
expect 'the delay is shown' test "$(
    formation describe-stack-resource-drifts --stack-name shop \
        --stack-resource-drift-status-filters MODIFIED \
        --query 'StackResourceDrifts[].PropertyDifferences[].[PropertyPath,ExpectedValue,ActualValue]' | xargs
)" = '/DelaySeconds 7 60'
infra local drift shop Orders --restore >out 2>&1
refuse 'SNS is not here' aws sns list-topics >out 2>&1
expect 'that is said' grep -q 'no service sns' out

# A template that is too large to be sent, and a file that a template refers to.
aws s3 mb s3://artifacts-of-shop >out
expect 'both buckets are listed' test "$(aws s3 ls | awk '{ print $3 }' | xargs)" = \
    'artifacts-of-shop shop-store'
{ cat shop.yaml && printf 'Metadata:\n  Long: %s\n' "$(head -c 60000 /dev/zero | tr '\0' x)"; } >large.yaml
formation deploy --stack-name shop --template-file large.yaml --s3-bucket artifacts-of-shop \
    --parameter-overrides Delay=8 >out 2>&1
expect 'the delay is the new one' \
    test "$(output "Parameters[?ParameterKey=='Delay'].ParameterValue | [0]")" = 8
mkdir -p code && echo 'exports.handler = async () => 1;' >code/index.js
cat >function.yaml <<'END'
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/any
      Code: code
END
formation package --template-file function.yaml --s3-bucket artifacts-of-shop --s3-prefix code \
    --output-template-file packaged.yaml >out
expect 'the code has a place' grep -q 'S3Bucket: artifacts-of-shop' packaged.yaml
formation deploy --stack-name function --template-file packaged.yaml >out 2>&1

# In parts, and back; under a key that needs escapes.
head -c 17000000 /dev/urandom >file
aws s3 cp --quiet file 's3://shop-store/a b/ü+&.bin'
aws s3 cp --quiet 's3://shop-store/a b/ü+&.bin' back
expect 'the file comes back' cmp file back
aws s3 cp --quiet 's3://shop-store/a b/ü+&.bin' s3://shop-store/copy
expect 'the folder is listed' test "$(aws s3 ls s3://shop-store/ | awk '{ print $NF }' | xargs)" = 'b/ copy'
refuse 'it is not empty' aws s3 rb s3://artifacts-of-shop >out 2>&1
expect 'that is said' grep -q BucketNotEmpty out
aws s3 rb --force s3://artifacts-of-shop >out
refuse 'the bucket is gone' aws s3 ls s3://artifacts-of-shop >out 2>&1
aws s3 rm --quiet --recursive s3://shop-store

for stack in shop function; do
    formation delete-stack --stack-name "$stack"
    formation wait stack-delete-complete --stack-name "$stack"
    refuse 'it is gone' status "$stack" DELETE_COMPLETE 2>out
done
refuse 'the bucket is gone with its stack' aws s3 ls s3://shop-store >out 2>&1
echo lived
