"""A stand-in for botocore where none is installed: see boto3.py beside it."""
