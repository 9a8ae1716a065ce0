"""The embedded Cognito's users, by boto3 and by pycognito, which has an SRP of its own; their tokens, by
PyJWT; the function, called by boto3. The stacks are deployed before it starts."""

import json
import os
import time
import urllib.request

import boto3
import botocore.exceptions
import jwt
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
EMAIL, PASSWORD = "ada@example.com", "Right-Horse-1!"

formation = boto3.client("cloudformation")
cognito = boto3.client("cognito-idp")


def outputs():
    stacks = formation.get_paginator("describe_stacks").paginate().build_full_result()["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for stack in stacks for one in stack.get("Outputs", [])}


def refused(code, words, call, *given, **named):
    try:
        call(*given, **named)
    except botocore.exceptions.ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code and words in said["Message"], said
        return
    raise AssertionError(f"{call} was not refused")


given = outputs()
pool, client = given["UserPoolId"], given["UserPoolClientId"]
named = {"UserPoolId": pool, "Username": EMAIL}
# pycognito would look for them at AWS.
with urllib.request.urlopen(f"{ENDPOINT}/{pool}/.well-known/jwks.json") as published:
    os.environ["COGNITO_JWKS"] = published.read().decode()


def signed_in(password=PASSWORD):
    user = Cognito(pool, client, username=EMAIL)
    user.authenticate(password=password)
    return user


# An administrator's user, who has to choose a password.
refused("UserNotFoundException", "User does not exist.", cognito.admin_get_user, **named)
attributes = [{"Name": "email", "Value": EMAIL}, {"Name": "name", "Value": "Ada"}]
refused(
    "InvalidPasswordException",
    "not long enough",
    cognito.admin_create_user,
    **named,
    TemporaryPassword="short",
)
made = cognito.admin_create_user(
    **named, UserAttributes=attributes, TemporaryPassword="Once-Only-Horse-1!"
)["User"]
assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD" and made["Enabled"], made
refused("UsernameExistsException", "User account already exists", cognito.admin_create_user, **named)
user = Cognito(pool, client, username=EMAIL)
try:
    user.authenticate(password="Once-Only-Horse-1!")
    raise AssertionError("a password for once was enough")
except ForceChangePasswordException:
    user.new_password_challenge("Once-Only-Horse-1!", PASSWORD)
assert cognito.admin_get_user(**named)["UserStatus"] == "CONFIRMED"

# pycognito proves the password, and verifies the tokens with the pool's keys by PyJWT's own eyes.
user = signed_in()
issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
keys = jwt.PyJWKClient(f"{ENDPOINT}/{pool}/.well-known/jwks.json")
for token, use in ((user.id_token, "id"), (user.access_token, "access")):
    key = keys.get_signing_key_from_jwt(token).key
    audience = client if use == "id" else None
    claims = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience, issuer=issuer,
        options={"verify_aud": use == "id"},
    )
    assert claims["token_use"] == use and claims["sub"] == made["Username"], claims
assert cognito.get_user(AccessToken=user.access_token)["Username"] == made["Username"]
refused("NotAuthorizedException", "Invalid Access Token", cognito.get_user, AccessToken=user.id_token)
refused("NotAuthorizedException", "Incorrect username", signed_in, "Wrong-Horse-1!")

# What the app client does not allow, and tokens that become fresh until they are revoked.
secret = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
refused(
    "InvalidParameterException",
    "USER_PASSWORD_AUTH flow not enabled for this client",
    cognito.initiate_auth,
    ClientId=client,
    AuthFlow="USER_PASSWORD_AUTH",
    AuthParameters=secret,
)
again = {
    "ClientId": client,
    "AuthFlow": "REFRESH_TOKEN_AUTH",
    "AuthParameters": {"REFRESH_TOKEN": user.refresh_token},
}
fresh = cognito.initiate_auth(**again)["AuthenticationResult"]
assert fresh["IdToken"] != user.id_token and "RefreshToken" not in fresh, fresh
cognito.revoke_token(Token=user.refresh_token, ClientId=client)
refused("NotAuthorizedException", "Invalid Refresh Token", cognito.initiate_auth, **again)
refused("NotAuthorizedException", "revoked", cognito.get_user, AccessToken=user.access_token)
other = signed_in()
cognito.global_sign_out(AccessToken=other.access_token)
refused("NotAuthorizedException", "revoked", cognito.get_user, AccessToken=other.access_token)

# Somebody who signs up.
eve = {"ClientId": client, "Username": "eve@example.com"}
refused("InvalidParameterException", "name: The attribute is required", cognito.sign_up, **eve, Password=PASSWORD)
cognito.sign_up(**eve, Password=PASSWORD, UserAttributes=[{"Name": "name", "Value": "Eve"}])
refused("UsernameExistsException", "already exists", cognito.sign_up, **eve, Password=PASSWORD,
        UserAttributes=[{"Name": "name", "Value": "Eve"}])
refused("CodeMismatchException", "Invalid verification code", cognito.confirm_sign_up, **eve, ConfirmationCode="0")
cognito.admin_confirm_sign_up(UserPoolId=pool, Username="eve@example.com")

# Lists by filters and pages.
found = cognito.list_users(UserPoolId=pool, Filter='email ^= "eve"')["Users"]
assert [one["UserStatus"] for one in found] == ["CONFIRMED"], found
pages = cognito.get_paginator("list_users").paginate(UserPoolId=pool, PaginationConfig={"PageSize": 1})
assert len(pages.build_full_result()["Users"]) == 2
cognito.admin_disable_user(**named)
refused("NotAuthorizedException", "User is disabled.", signed_in)
cognito.admin_enable_user(**named)
cognito.admin_delete_user(**named)
refused("NotAuthorizedException", "Incorrect username", signed_in)

# Failures in a row are heard ever later.
for _ in range(5):
    late = Cognito(pool, client, username="eve@example.com")
    refused("NotAuthorizedException", "Incorrect username", late.authenticate, password="Wrong-Horse-1!")
refused("NotAuthorizedException", "Password attempts exceeded", late.authenticate, password=PASSWORD)
time.sleep(1.5)
late.authenticate(password=PASSWORD)

# The function, with the boto3 that is installed here.
function = boto3.client("lambda")
answer = function.invoke(FunctionName=given["FunctionName"], Payload=json.dumps({"body": "{"}))
assert json.load(answer["Payload"])["statusCode"] == 400, answer
print("lived")
