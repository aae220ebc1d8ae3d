"""What an AWS request on the wire is about, and what AWS's errors look like.

Five protocols matter to Remedy: `ec2` (a form in, XML out), `query` (the same
with another error envelope: Auto Scaling and SNS), `json` (a target header,
JSON both ways: DynamoDB, SSM, SQS), `cbor` (the operation in the path, CBOR
both ways: CloudWatch) and `rest-json` (the operation by method and path: Lambda). A fault in the wrong shape would be met by the SDK as
"cannot parse the answer" and would prove nothing about throttling.
"""

import json
import re
import uuid
from urllib.parse import parse_qs, unquote

import cbor2

PROTOCOLS = {
    "ec2": "ec2",
    "autoscaling": "query",
    "sns": "query",
    "sts": "query",
    "s3": "ec2",
    "dynamodb": "json",
    "ssm": "json",
    "sqs": "json",
    "cloudwatch": "cbor",
    "cloudformation": "query",
    "iam": "query",
    "lambda": "rest-json",
    "cloudtrail": "json",
}

# What a service signs as, where that is not the name people know.
_NAMES = {"monitoring": "cloudwatch"}

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


def signed_by(headers, path=""):
    """The access key and the service in a SigV4 header, or in a signed URL. Who signs for which
    service is the only thing that tells callers and services apart when all of
    them talk to one address."""
    signature = headers.get("Authorization") or unquote(path).replace("X-Amz-Credential", "Credential")
    match = _CREDENTIAL.search(signature)
    if match is None:
        return None, None
    return match.group(1), match.group(3)


def name_of(service):
    """The name IAM and people use for a service that signs with another."""
    return _NAMES.get(service, service)


def operation_of(path, headers, body):
    """The operation a request asks for, or "?" when it does not say."""
    if "/operation/" in path:
        return path.rsplit("/", 1)[-1]
    target = headers.get("X-Amz-Target")
    if target:
        return target.rsplit(".", 1)[-1]
    action = parse_qs(body.decode("utf-8", "replace")).get("Action")
    return action[0] if action else "?"


# By protocol, or by service where one has words of its own: EC2 API reference, "Error
# codes"; "Common errors" of the API references of Auto Scaling, SNS, Systems Manager and
# CloudWatch; DynamoDB developer guide, "Error handling"; the errors of botocore's models.
_THROTTLED = {
    "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "dynamodb": (
        400,
        "ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded.",
    ),
    "query": (400, "Throttling", "Rate exceeded"),
    "json": (400, "ThrottlingException", "Rate exceeded"),
    "rest-json": (429, "TooManyRequestsException", "Rate Exceeded."),
    "cbor": (400, "Throttling", "Rate exceeded"),
}

_DENIED = {
    "ec2": (403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
    "sns": (403, "AuthorizationError", "User is not authorized to perform this operation"),
    "query": (403, "AccessDenied", "User is not authorized to perform this operation"),
    "json": (400, "AccessDeniedException", "User is not authorized to perform this operation"),
    "rest-json": (403, "AccessDeniedException", "User is not authorized to perform this operation"),
    "cbor": (403, "AccessDenied", "User is not authorized to perform this operation"),
}

_BROKEN = {
    "ec2": (500, "InternalError", "An internal error has occurred"),
    "query": (500, "InternalFailure", "We encountered an internal error. Please try again."),
    "json": (500, "InternalServerError", "We encountered an internal error. Please try again."),
    "rest-json": (500, "ServiceException", "We encountered an internal error. Please try again."),
    "cbor": (500, "InternalServiceFault", "We encountered an internal error. Please try again."),
}


_NOT_UNDERSTOOD = {
    "ec2": (400, "InvalidParameterValue", "A value of a parameter is not valid."),
    "query": (400, "ValidationError", "The input fails to satisfy the constraints."),
    "json": (400, "ValidationException", "The input fails to satisfy the constraints."),
    "rest-json": (400, "InvalidParameterValueException", "A value of a parameter is not valid."),
    "cbor": (400, "ValidationError", "The input fails to satisfy the constraints."),
}


def not_understood(service):
    """The answer of a service to what is not in its model."""
    return _error(service, _NOT_UNDERSTOOD)


def throttled(service):
    """The answer of a service that has had too many requests."""
    return _error(service, _THROTTLED)


def denied(service):
    """The answer of a service that will not do this for this caller."""
    return _error(service, _DENIED)


def broken(service):
    """The answer of a service in trouble."""
    return _error(service, _BROKEN)


def conflict(operation):
    """DynamoDB's word that a transaction is at work on the row (API reference,
    TransactionConflictException and TransactionCanceledException)."""
    if operation == "TransactWriteItems":
        reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
        answer = {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific "
            "reasons [TransactionConflict, None]",
            "CancellationReasons": [*reasons, {"Code": "None"}],
        }
    else:
        answer = {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
            "message": "Transaction is ongoing for the item",
        }
    return 400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer).encode()


# Where Systems Manager's answers have what was asked for (SSM API reference).
_LISTS = {
    "DescribeInstanceInformation": "InstanceInformationList",
    "DescribeSessions": "Sessions",
    "ListCommandInvocations": "CommandInvocations",
}


def empty_page(operation):
    """A page of a filtered list before anything that passes the filter:
    https://github.com/aws/aws-cli/issues/2626 shows one."""
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return 200, headers, json.dumps({_LISTS[operation]: [], "NextToken": "more"}).encode()


def inconclusive(_operation):
    """A query that CloudWatch could not answer, in an answer that is well (CloudWatch
    API reference, MetricDataResult: "InternalError indicates that an error occurred")."""
    result = {"Id": "series", "Label": "", "StatusCode": "InternalError"}
    answer = {"MetricDataResults": [result | {"Timestamps": [], "Values": []}], "Messages": []}
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return 200, headers, cbor2.dumps(answer)


def _error(service, shapes):
    protocol = PROTOCOLS.get(service, "json")
    return error(service, *(shapes.get(service) or shapes[protocol]))


def error(service, status, code, message):
    """A refusal in the words and the protocol of a service."""
    protocol = PROTOCOLS.get(service, "json")
    if protocol == "cbor":
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return status, headers, cbor2.dumps({"__type": code, "message": message})
    if protocol == "rest-json":
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
        return status, headers, json.dumps({"Type": "User", "Message": message}).encode()
    headers, body = _envelope(service, protocol, code, message)
    return status, headers, body.encode()


def _envelope(service, protocol, code, message):
    request_id = str(uuid.uuid4())
    if protocol == "ec2":
        return {"Content-Type": "text/xml;charset=UTF-8"}, (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>"
            f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    if protocol == "query":
        return {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}, (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>{request_id}</RequestId>"
            "</ErrorResponse>"
        )
    namespace = "com.amazonaws.dynamodb.v20120810#" if service == "dynamodb" else ""
    version = "1.0" if service in ("dynamodb", "sqs") else "1.1"
    headers = {"Content-Type": f"application/x-amz-json-{version}", "x-amzn-RequestId": request_id}
    return headers, json.dumps({"__type": namespace + code, "message": message})
