# Written from template.yaml by release/terraform.py; change that one.

# The ledger: the incident of each instance, and those that have ended.
resource "aws_dynamodb_table" "ledger" {
  name         = "${var.name}-ledger"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "due_shard"
    type = "S"
  }

  attribute {
    name = "due_at"
    type = "N"
  }

  global_secondary_index {
    name            = "open"
    hash_key        = "pk"
    range_key       = "due_at"
    projection_type = "KEYS_ONLY"
  }

  global_secondary_index {
    name            = "due"
    hash_key        = "due_shard"
    range_key       = "due_at"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

# What hosts knew before they were cleaned, rebooted or replaced.
resource "aws_s3_bucket" "evidence_bucket" {
  bucket = "${var.name}-${local.account}-${local.region}-evidence-bucket"
}

# What hosts knew before they were cleaned, rebooted or replaced.
resource "aws_s3_bucket_server_side_encryption_configuration" "evidence_bucket" {
  bucket = aws_s3_bucket.evidence_bucket.bucket

  rule {

    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# What hosts knew before they were cleaned, rebooted or replaced.
resource "aws_s3_bucket_public_access_block" "evidence_bucket" {
  bucket                  = aws_s3_bucket.evidence_bucket.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# What hosts knew before they were cleaned, rebooted or replaced.
resource "aws_s3_bucket_ownership_controls" "evidence_bucket" {
  bucket = aws_s3_bucket.evidence_bucket.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# What hosts knew before they were cleaned, rebooted or replaced.
resource "aws_s3_bucket_lifecycle_configuration" "evidence_bucket" {
  bucket = aws_s3_bucket.evidence_bucket.bucket

  rule {
    id     = "Forget"
    status = "Enabled"

    filter {
      prefix = ""
    }

    expiration {
      days = var.evidence_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "evidence_bucket_policy" {
  bucket = aws_s3_bucket.evidence_bucket.bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Evidence never crosses a network in the clear.
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.evidence_bucket.arn, "${aws_s3_bucket.evidence_bucket.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = false } }
      },
      # Our signed URLs are valid for 5 minutes. A longer one, signed with the
      # same role, is refused after 10.
      {
        Sid       = "FreshSignatures"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.evidence_bucket.arn}/*"
        Condition = { NumericGreaterThan = { "s3:signatureAge" = 600000 } }
      },
    ]
  })
}
