{{- /* Environment and files of a service's container: (list root name service). */ -}}
{{- define "podium.env" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
{{- $settings := dict
      "HOST" "0.0.0.0"
      "PORT" $service.port
      "DRAIN_S" $service.shutdown.drainSeconds }}
{{- $scheme := $service.usesKubernetes | ternary "kubernetes" "dns" }}
{{- range $service.calls }}
{{- $callee := index $root.Values.services . }}
{{- $_ := set $settings (printf "%s_URL" (upper .)) (printf "%s://%s-%s-headless:%v" $scheme (include "podium.fullname" $root) . $callee.port) }}
{{- end }}
{{- if $service.usesKubernetes }}
{{- $_ := set $settings "WATCH_PIPELINES" true }}
{{- end }}
{{- if $service.usesObjectStore }}
{{- $_ := include "podium.bucketSettings" (list $root "OBJECTS" $settings) }}
{{- with $root.Values.objectStore.readPrefixes }}
{{- $_ := set $settings "OBJECTS_S3_READ_PREFIXES" (join "," .) }}
{{- end }}
{{- with $root.Values.objectStore.writePrefixes }}
{{- $_ := set $settings "OBJECTS_S3_WRITE_PREFIXES" (join "," .) }}
{{- end }}
{{- end }}
{{- if $service.usesModels }}
{{- $_ := set $settings "MODELS" (default "/models" $root.Values.models.source) }}
{{- if $root.Values.models.source }}
{{- $_ := include "podium.bucketSettings" (list $root "MODELS" $settings) }}
{{- $_ := set $settings "MODELS_CACHE_DIR" "/models" }}
{{- $_ := set $settings "MODELS_CACHE_BYTES" $root.Values.models.cacheBytes }}
{{- end }}
{{- $_ := mergeOverwrite $settings $service.modelSettings }}
{{- end }}
{{- if $service.isPublic }}
{{- $_ := set $settings "POSTPROCESS_TIMEOUT_S" $root.Values.timeoutSeconds }}
{{- if or $root.Values.ingress.enabled $root.Values.httpRoute.enabled $root.Values.internalLoadBalancer.enabled }}
{{- /* Load balancers keep idle connections for as long as they wait: they must not be closed before. */}}
{{- $_ := set $settings "KEEP_ALIVE_S" (add $root.Values.timeoutSeconds 10) }}
{{- end }}
{{- if $root.Values.pipelines }}
{{- $_ := set $settings "PIPELINES" "/etc/podium/pipelines" }}
{{- end }}
{{- if $root.Values.apiKeys.existingSecret }}
{{- $_ := set $settings "API_KEYS" (printf "/etc/podium/keys/%s" $root.Values.apiKeys.key) }}
{{- end }}
{{- end }}
{{- if $service.publishesAddress }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- $_ := set $settings "ADDRESS" (printf "http://$(POD_IP):%v" $service.port) }}
{{- end }}
{{- range $setting, $value := mergeOverwrite $settings $service.settings }}
- name: PODIUM_{{ upper $name }}_{{ $setting }}
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

{{- /* Adds to settings how a bucket is reached: (list root prefix settings). */ -}}
{{- define "podium.bucketSettings" -}}
{{- $prefix := printf "%s_S3" (index . 1) }}
{{- $settings := index . 2 }}
{{- with (index . 0).Values.objectStore }}
{{- $_ := set $settings (print $prefix "_REGION") .region }}
{{- if .endpoint }}
{{- $_ := set $settings (print $prefix "_ENDPOINT") .endpoint }}
{{- $_ := set $settings (print $prefix "_ALLOW_HTTP") .allowHttp }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "podium.volumeMounts" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
- {name: tmp, mountPath: /tmp}
{{- if $service.usesModels }}
- {name: models, mountPath: /models, readOnly: {{ empty $root.Values.models.source }}}
{{- end }}
{{- if $service.isPublic }}
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
{{- if $service.isPublic }}
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
