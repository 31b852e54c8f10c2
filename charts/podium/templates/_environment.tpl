{{- /* Environment and files of a service's container: (list root name service). */ -}}
{{- define "podium.env" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
{{- $settings := dict
      "PODIUM_HOST" "0.0.0.0"
      "PODIUM_PORT" $service.port
      "PODIUM_DRAIN_S" $service.shutdown.drainSeconds }}
{{- range $service.calls }}
{{- $callee := index $root.Values.services . }}
{{- $_ := set $settings (printf "PODIUM_%s_URL" (upper .)) (printf "dns://%s-%s-headless:%v" (include "podium.fullname" $root) . $callee.port) }}
{{- end }}
{{- if $service.usesModels }}
{{- $_ := set $settings "PODIUM_MODELS" "/models" }}
{{- end }}
{{- if eq $name "gateway" }}
{{- if $root.Values.pipelines }}
{{- $_ := set $settings "PODIUM_PIPELINES" "/etc/podium/pipelines" }}
{{- end }}
{{- if $root.Values.apiKeys.existingSecret }}
{{- $_ := set $settings "PODIUM_API_KEYS" (printf "/etc/podium/keys/%s" $root.Values.apiKeys.key) }}
{{- end }}
{{- end }}
{{- if eq $name "decode" }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- $_ := set $settings "PODIUM_ADDRESS" (printf "http://$(POD_IP):%v" $service.port) }}
{{- end }}
{{- if $service.usesObjectStore }}
{{- include "podium.objectStoreEnv" $root }}
{{- end }}
{{- range $variable, $value := mergeOverwrite $settings $service.settings }}
- name: {{ $variable }}
  value: {{ include "podium.text" $value }}
{{- end }}
{{- range $variable, $value := $service.env }}
- name: {{ $variable }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ include "podium.text" $value }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "podium.objectStoreEnv" -}}
{{- with .Values.objectStore }}
- name: PODIUM_OBJECTS_S3_REGION
  value: {{ .region | quote }}
{{- with .endpoint }}
- name: PODIUM_OBJECTS_S3_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- if .allowHttp }}
- name: PODIUM_OBJECTS_S3_ALLOW_HTTP
  value: "true"
{{- end }}
{{- with .readPrefixes }}
- name: PODIUM_OBJECTS_S3_READ_PREFIXES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .writePrefixes }}
- name: PODIUM_OBJECTS_S3_WRITE_PREFIXES
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "podium.volumeMounts" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
- {name: tmp, mountPath: /tmp}
{{- if $service.usesModels }}
- {name: models, mountPath: /models, readOnly: true}
{{- end }}
{{- if eq $name "gateway" }}
{{- if $root.Values.pipelines }}
- {name: pipelines, mountPath: /etc/podium/pipelines, readOnly: true}
{{- end }}
{{- if $root.Values.apiKeys.existingSecret }}
- {name: api-keys, mountPath: /etc/podium/keys, readOnly: true}
{{- end }}
{{- end }}
{{- range $service.volumeMounts }}
- {{ toJson . }}
{{- end }}
{{- end -}}

{{- define "podium.volumes" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
- name: tmp
  emptyDir: {sizeLimit: {{ $service.tmpSizeLimit }}}
{{- if $service.usesModels }}
- name: models
  {{- if $root.Values.models.existingClaim }}
  persistentVolumeClaim: {claimName: {{ $root.Values.models.existingClaim }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ $root.Values.models.sizeLimit }}}
  {{- end }}
{{- end }}
{{- if eq $name "gateway" }}
{{- if $root.Values.pipelines }}
- name: pipelines
  configMap: {name: {{ include "podium.fullname" $root }}-pipelines}
{{- end }}
{{- if $root.Values.apiKeys.existingSecret }}
- name: api-keys
  secret: {secretName: {{ $root.Values.apiKeys.existingSecret }}}
{{- end }}
{{- end }}
{{- range $service.volumes }}
- {{ toJson . }}
{{- end }}
{{- end -}}
