"""What the connector stores and calls: DynamoDB, SQS, Secrets Manager, SNS and HTTP."""
