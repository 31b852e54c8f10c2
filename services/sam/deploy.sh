#!/usr/bin/env bash
# Build the image of the functions, deploy the stack, bring its database up to date.
#
#   services/sam/deploy.sh [development|staging|production] [options of sam deploy]
#
# The first time, give what is yours: --guided, or --parameter-overrides VpcId=... SubnetIds=...
# GatewayUrl=...; the answer to the first migration has the key of the administrator.
set -euo pipefail
cd "$(dirname "$0")"
environment=${1:-development}
shift || true
case $environment in
  development) name=default ;;
  staging | production) name=$environment ;;
  *) echo "deploy.sh: $environment is none of development, staging, production" >&2; exit 2 ;;
esac

sam build --config-env "$name"
sam deploy --config-env "$name" "$@"

migrator=$(aws cloudformation describe-stacks --stack-name "podium-$environment" --output text \
  --query "Stacks[0].Outputs[?OutputKey=='Migrator'].OutputValue")
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
failed=$(aws lambda invoke --function-name "$migrator" --cli-binary-format raw-in-base64-out \
  --payload '{"pipelines": {"pose-2d": "2D key points of one athlete", "pose-3d": "3D key points of one athlete"}}' \
  --query FunctionError --output text "$answer")
cat "$answer"
echo
[ "$failed" = None ] || { echo "deploy.sh: the migration failed" >&2; exit 1; }
