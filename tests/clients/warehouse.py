"""boto3 against the Redshift Data API of the embedded services: SQL, COPY, a model, and who may ask it."""

import time

import boto3

TARGET = {"WorkgroupName": "warehouse-wg", "Database": "dev"}
TEMPLATE = """
Resources:
  Bucket:
    Type: AWS::S3::Bucket
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {Service: redshift.amazonaws.com}, Action: sts:AssumeRole}
  Namespace:
    Type: AWS::RedshiftServerless::Namespace
    Properties: {NamespaceName: warehouse-ns, DbName: dev, DefaultIamRoleArn: !GetAtt Role.Arn, IamRoles: [!GetAtt Role.Arn]}
  Workgroup:
    Type: AWS::RedshiftServerless::Workgroup
    Properties: {WorkgroupName: warehouse-wg, NamespaceName: !Ref Namespace}
Outputs:
  Bucket: {Value: !Ref Bucket}
  Role: {Value: !Ref Role}
  RoleArn: {Value: !GetAtt Role.Arn}
"""

formation = boto3.client("cloudformation")
formation.create_stack(StackName="Warehouse", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"])
formation.get_waiter("stack_create_complete").wait(StackName="Warehouse")
stack = formation.describe_stacks(StackName="Warehouse")["Stacks"][0]
outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def ended(client, statement):
    while (told := client.describe_statement(Id=statement))["Status"] not in ("FINISHED", "FAILED", "ABORTED"):
        time.sleep(0.02)
    return told


def ask(client, sql, **values):
    bound = [{"name": name, "value": value} for name, value in values.items()]
    more = {"Parameters": bound} if bound else {}
    statement = client.execute_statement(Sql=sql, **TARGET, **more)["Id"]
    told = ended(client, statement)
    if told["Status"] != "FINISHED":
        return told["Error"]
    if not told["HasResultSet"]:
        return told["ResultRows"]
    pages = client.get_paginator("get_statement_result").paginate(Id=statement)
    rows = [row for page in pages for row in page["Records"]]
    return [[next(iter(cell.values())) for cell in row] for row in rows]


redshift = boto3.client("redshift-data")
assert ask(redshift, "CREATE TABLE public.fruit (name VARCHAR(8), weight DOUBLE PRECISION, ripe BOOLEAN)") in (0, -1)
lines = [f"{'apple' if n % 2 else 'pear'},{n / 10},{'true' if n % 2 else 'false'}" for n in range(2500)]
s3 = boto3.client("s3")
s3.put_object(Bucket=outputs["Bucket"], Key="fruit.csv", Body="\n".join(["name,weight,ripe", *lines]).encode())
copy = f"COPY public.fruit FROM 's3://{outputs['Bucket']}/fruit.csv' IAM_ROLE default CSV IGNOREHEADER 1"
batch = redshift.batch_execute_statement(Sqls=[copy, "SELECT COUNT(*) FROM fruit"], **TARGET)["Id"]
told = ended(redshift, batch)
assert told["Status"] == "FINISHED" and len(told["SubStatements"]) == 2, told
count = redshift.get_statement_result(Id=f"{batch}:2")["Records"]
assert count == [[{"longValue": 2500}]], count
assert len(ask(redshift, "SELECT weight, ripe FROM fruit ORDER BY weight")) == 2500
assert ask(redshift, "SELECT ripe FROM fruit WHERE name = :name LIMIT 1", name="pear") == [[False]]
assert "permission denied" in ask(redshift, "DELETE FROM pg_user")

s3.put_object(Bucket=outputs["Bucket"], Key="bad.csv", Body=b"apple,heavy,true\n")
assert "sys_load_error_detail" in ask(redshift, f"COPY fruit FROM 's3://{outputs['Bucket']}/bad.csv' IAM_ROLE default CSV")
detail = ask(redshift, "SELECT line_number, column_name, error_message FROM sys_load_error_detail")
assert detail == [[1, "weight", 'invalid input syntax for type double precision: "heavy"']], detail

create = f"CREATE MODEL ripeness FROM fruit TARGET ripe FUNCTION is_ripe IAM_ROLE default SETTINGS (S3_BUCKET '{outputs['Bucket']}')"
made = ask(redshift, create)
assert made in (0, -1), made
while (state := dict(map(tuple, ask(redshift, "SHOW MODEL ripeness")))["Model State"]) == "TRAINING":
    time.sleep(0.1)
assert state == "READY", state
assert ask(redshift, "SELECT is_ripe('apple', 3.0), is_ripe('pear', 3.0)") == [[True, False]]

held = boto3.client("sts").assume_role(RoleArn=outputs["RoleArn"], RoleSessionName="asks")["Credentials"]
session = boto3.client(
    "redshift-data",
    aws_access_key_id=held["AccessKeyId"],
    aws_secret_access_key=held["SecretAccessKey"],
    aws_session_token=held["SessionToken"],
)
question = "SELECT is_ripe(:name, :weight)"
assert ask(session, question, name="apple", weight="1.5") == "ERROR: permission denied for function is_ripe"
for sql in ("CREATE ROLE asks", "GRANT EXECUTE ON MODEL ripeness TO ROLE asks", f'GRANT ROLE asks TO "IAMR:{outputs["Role"]}"'):
    ask(redshift, sql)
assert ask(session, question, name="apple", weight="1.5") == [[True]]
assert ask(session, "SELECT * FROM fruit") == "ERROR: permission denied for relation fruit"

assert [table["name"] for table in redshift.list_tables(**TARGET)["Tables"]] == ["fruit"]
columns = redshift.describe_table(Table="fruit", Schema="public", **TARGET)["ColumnList"]
assert [column["typeName"] for column in columns] == ["varchar", "float8", "bool"], columns
assert redshift.list_statements(Status="FAILED")["Statements"]
for call, wrong in ((redshift.describe_statement, "0" * 8), (redshift.get_statement_result, batch)):
    try:
        call(Id=wrong)
        raise AssertionError(wrong)
    except (redshift.exceptions.ValidationException, redshift.exceptions.ResourceNotFoundException):
        pass
print("lived")
