# Written from template.yaml by release/terraform.py; change that one.

resource "aws_iam_role" "high_cpu_function_role" {
  name = "${var.name}-${local.region}-high-cpu-function-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action    = ["sts:AssumeRole"]
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
      },
    ]
  })
  permissions_boundary = local.has_permissions_boundary ? var.permissions_boundary : null
}

resource "aws_iam_role_policy" "high_cpu_function_role_policy" {
  name = "own"
  role = aws_iam_role.high_cpu_function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action   = "sqs:SendMessage"
        Effect   = "Allow"
        Resource = aws_sqs_queue.dead_letters.arn
      },
      # Run the function's own document, and no other.
      {
        Sid      = "CleanupDocument"
        Effect   = "Allow"
        Action   = "ssm:SendCommand"
        Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.high_cpu_document.name}"
      },
      # Run it on instances whose owner opted in. In one statement with
      # the document, the tag would be asked of the document too.
      {
        Sid       = "CleanupInstance"
        Effect    = "Allow"
        Action    = "ssm:SendCommand"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "high_cpu_function_role_awslambda_basic_execution_role" {
  role       = aws_iam_role.high_cpu_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "high_cpu_function_role_awsxray_write_only_access" {
  count      = local.has_tracing ? 1 : 0
  role       = aws_iam_role.high_cpu_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "high_cpu_function_role_road_policy" {
  role       = aws_iam_role.high_cpu_function_role.name
  policy_arn = aws_iam_policy.road_policy.arn
}

resource "aws_iam_role_policy_attachment" "high_cpu_function_role_reboot_policy" {
  role       = aws_iam_role.high_cpu_function_role.name
  policy_arn = aws_iam_policy.reboot_policy.arn
}

resource "aws_iam_role" "memory_pressure_function_role" {
  name = "${var.name}-${local.region}-memory-pressure-function-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action    = ["sts:AssumeRole"]
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
      },
    ]
  })
  permissions_boundary = local.has_permissions_boundary ? var.permissions_boundary : null
}

resource "aws_iam_role_policy" "memory_pressure_function_role_policy" {
  name = "own"
  role = aws_iam_role.memory_pressure_function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action   = "sqs:SendMessage"
        Effect   = "Allow"
        Resource = aws_sqs_queue.dead_letters.arn
      },
      # Run the function's own document, and no other.
      {
        Sid      = "CleanupDocument"
        Effect   = "Allow"
        Action   = "ssm:SendCommand"
        Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.memory_pressure_document.name}"
      },
      # Run it on instances whose owner opted in. In one statement with
      # the document, the tag would be asked of the document too.
      {
        Sid       = "CleanupInstance"
        Effect    = "Allow"
        Action    = "ssm:SendCommand"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "memory_pressure_function_role_awslambda_basic_execution_role" {
  role       = aws_iam_role.memory_pressure_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "memory_pressure_function_role_awsxray_write_only_access" {
  count      = local.has_tracing ? 1 : 0
  role       = aws_iam_role.memory_pressure_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "memory_pressure_function_role_road_policy" {
  role       = aws_iam_role.memory_pressure_function_role.name
  policy_arn = aws_iam_policy.road_policy.arn
}

resource "aws_iam_role_policy_attachment" "memory_pressure_function_role_reboot_policy" {
  role       = aws_iam_role.memory_pressure_function_role.name
  policy_arn = aws_iam_policy.reboot_policy.arn
}

resource "aws_iam_role" "disk_full_function_role" {
  name = "${var.name}-${local.region}-disk-full-function-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action    = ["sts:AssumeRole"]
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
      },
    ]
  })
  permissions_boundary = local.has_permissions_boundary ? var.permissions_boundary : null
}

resource "aws_iam_role_policy" "disk_full_function_role_policy" {
  name = "own"
  role = aws_iam_role.disk_full_function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action   = "sqs:SendMessage"
        Effect   = "Allow"
        Resource = aws_sqs_queue.dead_letters.arn
      },
      # Run the function's own documents, and no other.
      {
        Sid    = "CleanupDocument"
        Effect = "Allow"
        Action = "ssm:SendCommand"
        Resource = [
          "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.disk_full_document.name}",
          "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.disk_grow_document.name}",
        ]
      },
      # See whether a volume of the instance may grow. The call cannot be limited
      # to a resource or a tag (Service Authorization Reference).
      {
        Sid      = "LookAtVolumes"
        Effect   = "Allow"
        Action   = "ec2:DescribeVolumes"
        Resource = "*"
      },
      # Run it on instances whose owner opted in. In one statement with
      # the document, the tag would be asked of the document too.
      {
        Sid       = "CleanupInstance"
        Effect    = "Allow"
        Action    = "ssm:SendCommand"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "disk_full_function_role_awslambda_basic_execution_role" {
  role       = aws_iam_role.disk_full_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "disk_full_function_role_awsxray_write_only_access" {
  count      = local.has_tracing ? 1 : 0
  role       = aws_iam_role.disk_full_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "disk_full_function_role_road_policy" {
  role       = aws_iam_role.disk_full_function_role.name
  policy_arn = aws_iam_policy.road_policy.arn
}

resource "aws_iam_role" "unreachable_function_role" {
  name = "${var.name}-${local.region}-unreachable-function-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action    = ["sts:AssumeRole"]
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
      },
    ]
  })
  permissions_boundary = local.has_permissions_boundary ? var.permissions_boundary : null
}

resource "aws_iam_role_policy" "unreachable_function_role_policy" {
  name = "own"
  role = aws_iam_role.unreachable_function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action   = "sqs:SendMessage"
        Effect   = "Allow"
        Resource = aws_sqs_queue.dead_letters.arn
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "unreachable_function_role_awslambda_basic_execution_role" {
  role       = aws_iam_role.unreachable_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "unreachable_function_role_awsxray_write_only_access" {
  count      = local.has_tracing ? 1 : 0
  role       = aws_iam_role.unreachable_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "unreachable_function_role_road_policy" {
  role       = aws_iam_role.unreachable_function_role.name
  policy_arn = aws_iam_policy.road_policy.arn
}

resource "aws_iam_role_policy_attachment" "unreachable_function_role_reboot_policy" {
  role       = aws_iam_role.unreachable_function_role.name
  policy_arn = aws_iam_policy.reboot_policy.arn
}

resource "aws_iam_role" "service_down_function_role" {
  name = "${var.name}-${local.region}-service-down-function-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action    = ["sts:AssumeRole"]
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
      },
    ]
  })
  permissions_boundary = local.has_permissions_boundary ? var.permissions_boundary : null
}

resource "aws_iam_role_policy" "service_down_function_role_policy" {
  name = "own"
  role = aws_iam_role.service_down_function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action   = "sqs:SendMessage"
        Effect   = "Allow"
        Resource = aws_sqs_queue.dead_letters.arn
      },
      # Run the function's own document, and no other.
      {
        Sid      = "CleanupDocument"
        Effect   = "Allow"
        Action   = "ssm:SendCommand"
        Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.service_down_document.name}"
      },
      # Run it on instances whose owner opted in. In one statement with
      # the document, the tag would be asked of the document too.
      {
        Sid       = "CleanupInstance"
        Effect    = "Allow"
        Action    = "ssm:SendCommand"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "service_down_function_role_awslambda_basic_execution_role" {
  role       = aws_iam_role.service_down_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "service_down_function_role_awsxray_write_only_access" {
  count      = local.has_tracing ? 1 : 0
  role       = aws_iam_role.service_down_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "service_down_function_role_road_policy" {
  role       = aws_iam_role.service_down_function_role.name
  policy_arn = aws_iam_policy.road_policy.arn
}

resource "aws_iam_role_policy_attachment" "service_down_function_role_reboot_policy" {
  role       = aws_iam_role.service_down_function_role.name
  policy_arn = aws_iam_policy.reboot_policy.arn
}

resource "aws_iam_role" "intake_function_role" {
  name = "${var.name}-${local.region}-intake-function-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # What the rules and the topic bring goes through a queue: a storm comes in batches, and at the
      # pace that AWS's quotas allow (docs/decisions/0036). An alarm's own action and people invoke
      # the function of the symptom.
      {
        Action    = ["sts:AssumeRole"]
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
      },
    ]
  })
  permissions_boundary = local.has_permissions_boundary ? var.permissions_boundary : null
}

resource "aws_iam_role_policy" "intake_function_role_policy" {
  name = "own"
  role = aws_iam_role.intake_function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # What the rules and the topic bring goes through a queue: a storm comes in batches, and at the
      # pace that AWS's quotas allow (docs/decisions/0036). An alarm's own action and people invoke
      # the function of the symptom.
      {
        Action   = "sqs:SendMessage"
        Effect   = "Allow"
        Resource = aws_sqs_queue.dead_letters.arn
      },
      # Take alarms from their queue.
      {
        Sid      = "TakeAlarms"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = aws_sqs_queue.alarm_queue.arn
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "intake_function_role_awslambda_basic_execution_role" {
  role       = aws_iam_role.intake_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "intake_function_role_awsxray_write_only_access" {
  count      = local.has_tracing ? 1 : 0
  role       = aws_iam_role.intake_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "intake_function_role_road_policy" {
  role       = aws_iam_role.intake_function_role.name
  policy_arn = aws_iam_policy.road_policy.arn
}

resource "aws_iam_role_policy_attachment" "intake_function_role_reboot_policy" {
  role       = aws_iam_role.intake_function_role.name
  policy_arn = aws_iam_policy.reboot_policy.arn
}

resource "aws_iam_role_policy_attachment" "intake_function_role_cleanup_policy" {
  role       = aws_iam_role.intake_function_role.name
  policy_arn = aws_iam_policy.cleanup_policy.arn
}

resource "aws_iam_role" "follow_up_function_role" {
  name = "${var.name}-${local.region}-follow-up-function-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action    = ["sts:AssumeRole"]
        Effect    = "Allow"
        Principal = { Service = ["lambda.amazonaws.com"] }
      },
    ]
  })
  permissions_boundary = local.has_permissions_boundary ? var.permissions_boundary : null
}

resource "aws_iam_role_policy" "follow_up_function_role_policy" {
  name = "own"
  role = aws_iam_role.follow_up_function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Action   = "sqs:SendMessage"
        Effect   = "Allow"
        Resource = aws_sqs_queue.dead_letters.arn
      },
      # Find what is due, in the index that holds open incidents only.
      {
        Sid      = "Due"
        Effect   = "Allow"
        Action   = "dynamodb:Scan"
        Resource = "${aws_dynamodb_table.ledger.arn}/index/open"
      },
      # Ask how commands went. These calls cannot be limited to a resource
      # (Service Authorization Reference).
      {
        Sid      = "Commands"
        Effect   = "Allow"
        Action   = ["ssm:GetCommandInvocation", "ssm:ListCommandInvocations"]
        Resource = "*"
      },
      # Bring members back into service, in groups whose owner opted in or has
      # since asked for observing only: what was begun is ended.
      {
        Sid      = "ComeBack"
        Effect   = "Allow"
        Action   = "autoscaling:ExitStandby"
        Resource = "arn:${local.partition}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/*"
        Condition = {
          StringEquals = { "aws:ResourceTag/auto-remediation" = ["enabled", "observe"] }
        }
      },
      # See how the growth of a volume goes, and its snapshot before. The calls cannot be
      # limited to a resource or a tag (Service Authorization Reference).
      {
        Sid      = "LookAtGrowth"
        Effect   = "Allow"
        Action   = ["ec2:DescribeSnapshots", "ec2:DescribeVolumesModifications"]
        Resource = "*"
      },
      # Grow volumes whose owner's tag names a size. The tag is the volume's own: of
      # an instance's other volumes none can be grown.
      {
        Sid       = "Grow"
        Effect    = "Allow"
        Action    = "ec2:ModifyVolume"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:volume/*"
        Condition = { Null = { "aws:ResourceTag/auto-remediation-grow-to" = false } }
      },
      # Take a snapshot first, of volumes whose owner's tag wants one.
      {
        Sid       = "Snapshot"
        Effect    = "Allow"
        Action    = "ec2:CreateSnapshot"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:volume/*"
        Condition = { Null = { "aws:ResourceTag/auto-remediation-snapshot-first" = false } }
      },
      # What is made by that. It has no tag yet: the one before says of which volume.
      {
        Sid      = "MakeSnapshot"
        Effect   = "Allow"
        Action   = "ec2:CreateSnapshot"
        Resource = "arn:${local.partition}:ec2:${local.region}::snapshot/*"
      },
      # Take hints from their queue.
      {
        Sid      = "TakeHints"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = aws_sqs_queue.hint_queue.arn
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "follow_up_function_role_awslambda_basic_execution_role" {
  role       = aws_iam_role.follow_up_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "follow_up_function_role_awsxray_write_only_access" {
  count      = local.has_tracing ? 1 : 0
  role       = aws_iam_role.follow_up_function_role.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "follow_up_function_role_road_policy" {
  role       = aws_iam_role.follow_up_function_role.name
  policy_arn = aws_iam_policy.road_policy.arn
}

resource "aws_iam_role_policy_attachment" "follow_up_function_role_reboot_policy" {
  role       = aws_iam_role.follow_up_function_role.name
  policy_arn = aws_iam_policy.reboot_policy.arn
}

resource "aws_iam_role_policy_attachment" "follow_up_function_role_cleanup_policy" {
  role       = aws_iam_role.follow_up_function_role.name
  policy_arn = aws_iam_policy.cleanup_policy.arn
}

# What every function needs on the way from alarm to notification.
resource "aws_iam_policy" "road_policy" {
  name        = "${var.name}-${local.region}-road-policy"
  description = "What every Remedy function needs on the way from alarm to notification."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Look at the instance and its group. These calls cannot be limited to
      # a resource or a tag (Service Authorization Reference).
      {
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "ec2:DescribeInstances",
          "ec2:DescribeInstanceStatus",
          "ec2:DescribeInstanceTypes",
          "ec2:DescribeAvailabilityZones",
          "ssm:DescribeInstanceInformation",
          "ssm:DescribeSessions",
          "autoscaling:DescribeAutoScalingInstances",
          "autoscaling:DescribeAutoScalingGroups",
          "autoscaling:DescribeInstanceRefreshes",
        ]
        Resource = "*"
      },
      # Ask change calendars before anything is disrupted. Owners' tags may name any,
      # also one that another account shares.
      {
        Sid      = "Calendars"
        Effect   = "Allow"
        Action   = "ssm:GetCalendarState"
        Resource = "arn:${local.partition}:ssm:*:*:document/*"
      },
      # See whether the symptom is still there. GetMetricData cannot be limited
      # to a resource, and any alarm may be the one that is asked about.
      {
        Sid      = "Verify"
        Effect   = "Allow"
        Action   = ["cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"]
        Resource = "*"
      },
      # Read, claim and record incidents, leases and pauses.
      {
        Sid      = "Ledger"
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = aws_dynamodb_table.ledger.arn
      },
      # Replace members of groups whose owner opted in. The tag is asked of
      # the group: the call has no instance to ask.
      {
        Sid       = "Replace"
        Effect    = "Allow"
        Action    = "autoscaling:SetInstanceHealth"
        Resource  = "arn:${local.partition}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
      # Read what the console of an instance showed before it stopped
      # answering, where its owner opted in.
      {
        Sid       = "ReadConsole"
        Effect    = "Allow"
        Action    = "ec2:GetConsoleOutput"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
      # Sign URLs with which hosts put evidence below one prefix of one bucket.
      # Such a URL cannot read, list or delete anything there.
      {
        Sid      = "KeepEvidence"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${aws_s3_bucket.evidence_bucket.arn}/evidence/*"
      },
      # Tell people.
      {
        Sid      = "Tell"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
      },
      # Use the key of the topics, whose messages are encrypted, and only on
      # the way through SNS.
      {
        Sid      = "TellEncrypted"
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey", "kms:Decrypt"]
        Resource = aws_kms_key.topics_key.arn
        Condition = {
          StringEquals = { "kms:ViaService" = "sns.${local.region}.${local.url_suffix}" }
        }
      },
    ]
  })
}

# Rebooting, for the functions whose ladder has that rung.
resource "aws_iam_policy" "reboot_policy" {
  name        = "${var.name}-${local.region}-reboot-policy"
  description = "What rebooting an instance takes."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Reboot instances whose owner opted in.
      {
        Sid       = "Reboot"
        Effect    = "Allow"
        Action    = "ec2:RebootInstances"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
      # Take a member out of service before its reboot, which its group would
      # take for a death. The tag is asked of the group, as for a replacement.
      {
        Sid       = "LeaveService"
        Effect    = "Allow"
        Action    = "autoscaling:EnterStandby"
        Resource  = "arn:${local.partition}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
    ]
  })
}

# Cleaning up, for the functions that answer for every symptom.
resource "aws_iam_policy" "cleanup_policy" {
  name        = "${var.name}-${local.region}-cleanup-policy"
  description = "What cleaning up takes, whatever the symptom."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Run our own documents, and no other.
      {
        Sid    = "CleanupDocument"
        Effect = "Allow"
        Action = "ssm:SendCommand"
        Resource = [
          "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.high_cpu_document.name}",
          "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.memory_pressure_document.name}",
          "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.disk_full_document.name}",
          "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.service_down_document.name}",
          "arn:${local.partition}:ssm:${local.region}:${local.account}:document/${aws_ssm_document.disk_grow_document.name}",
        ]
      },
      # Run them on instances whose owner opted in.
      {
        Sid       = "CleanupInstance"
        Effect    = "Allow"
        Action    = "ssm:SendCommand"
        Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/auto-remediation" = "enabled" } }
      },
      # See which volumes an instance has. The call cannot be limited to a resource
      # or a tag (Service Authorization Reference).
      {
        Sid      = "LookAtVolumes"
        Effect   = "Allow"
        Action   = "ec2:DescribeVolumes"
        Resource = "*"
      },
    ]
  })
}
