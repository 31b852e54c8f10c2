{{- /* Environment of a container: (list root component). */ -}}
{{- define "jobs.env" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $values := $root.Values }}
{{- $bucket := $values.objectStore.bucketSecret }}
{{- if not (or $values.objectStore.bucket $bucket.existingSecret) }}
{{- fail "objectStore.bucket: give the bucket for uploads and results, or objectStore.bucketSecret" }}
{{- end }}
{{- $settings := dict "STATE" "/tmp/podium" "GATEWAY_URL" $values.gateways.url "S3_REGION" $values.objectStore.region }}
{{- with $values.objectStore }}
{{- if .prefix }}{{ $_ := set $settings "S3_PREFIX" .prefix }}{{ end }}
{{- if .endpoint }}
{{- $_ := set $settings "S3_ENDPOINT" .endpoint }}
{{- $_ := set $settings "S3_ALLOW_HTTP" .allowHttp }}
{{- end }}
{{- if not $bucket.existingSecret }}{{ $_ := set $settings "S3_BUCKET" .bucket }}{{ end }}
{{- end }}
{{- if eq $component "controller" }}
{{- $_ := set $settings "HOST" "0.0.0.0" }}
{{- $_ := set $settings "PORT" $values.controller.port }}
{{- $_ := set $settings "WORKERS" $values.controller.workers }}
{{- $_ := set $settings "STEPS" $values.controller.steps }}
{{- end }}
- {{ include "jobs.fromSecret" (list "PODIUM_JOBS_DATABASE_URL" $values.database) }}
{{- if ne $component "migration" }}
- {{ include "jobs.fromSecret" (list "PODIUM_JOBS_SIGNING_KEY" $values.signingKey) }}
{{- end }}
{{- if $bucket.existingSecret }}
- {{ include "jobs.fromSecret" (list "PODIUM_JOBS_S3_BUCKET" $bucket) }}
{{- end }}
{{- if $values.gateways.apiKey.existingSecret }}
- {{ include "jobs.fromSecret" (list "PODIUM_JOBS_GATEWAY_KEY" $values.gateways.apiKey) }}
{{- end }}
{{- range $setting, $value := mergeOverwrite $settings $values.settings }}
- name: PODIUM_JOBS_{{ $setting }}
  value: {{ include "jobs.text" $value }}
{{- end }}
{{- if eq $component "api" }}
{{- $own := dict "HOST" "0.0.0.0" "PORT" $values.api.port "DRAIN_S" $values.api.shutdown.drainSeconds }}
{{- if or $values.ingress.enabled $values.httpRoute.enabled }}
{{- /* Load balancers keep idle connections for as long as they wait: they must not be closed before. */}}
{{- $_ := set $own "KEEP_ALIVE_S" (add $values.timeoutSeconds 10) }}
{{- end }}
{{- range $setting, $value := mergeOverwrite $own $values.api.settings }}
- name: PODIUM_API_{{ $setting }}
  value: {{ include "jobs.text" $value }}
{{- end }}
{{- end }}
{{- range $variable, $value := $values.env }}
- name: {{ $variable }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ include "jobs.text" $value }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* A variable out of a Secret: (list name {existingSecret, key}). */ -}}
{{- define "jobs.fromSecret" -}}
{{- $secret := index . 1 -}}
{{- dict "name" (index . 0) "valueFrom" (dict "secretKeyRef" (dict "name" $secret.existingSecret "key" $secret.key)) | toJson -}}
{{- end -}}

{{- /* A value as the text that an environment variable holds; large numbers keep their digits. */ -}}
{{- define "jobs.text" -}}
{{- if kindIs "string" . }}{{ quote . }}{{ else }}{{ toJson . | quote }}{{ end }}
{{- end -}}
