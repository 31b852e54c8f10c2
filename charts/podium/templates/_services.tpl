{{- /* The services of the release as YAML: name -> defaults, accelerator and own entry merged. */ -}}
{{- define "podium.services" -}}
{{- range $name, $own := .Values.services }}
{{- $accelerator := default $.Values.defaults.accelerator $own.accelerator }}
{{- if not (hasKey $.Values.accelerators $accelerator) }}
{{- fail (printf "services.%s.accelerator: %q is not in accelerators" $name $accelerator) }}
{{- end }}
{{- $service := mergeOverwrite (deepCopy $.Values.defaults) (deepCopy (index $.Values.accelerators $accelerator)) (deepCopy $own) }}
{{- $_ := required (printf "services.%s.port: give the port" $name) $service.port }}
{{- if $service.enabled }}
{{- range $service.calls }}
{{- if not (hasKey $.Values.services .) }}
{{- fail (printf "services.%s.calls: %q is not in services" $name .) }}
{{- end }}
{{- end }}
{{ $name }}: {{ toJson $service }}
{{- else if $service.isPublic }}
{{- fail (printf "services.%s.enabled: a release has no other door; it must be true" $name) }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* registry/repository:tag@digest: (list root name service). */ -}}
{{- define "podium.image" -}}
{{- $root := index . 0 }}
{{- with (index . 2).image }}
{{- with .registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- default (printf "podium-%s" (index $ 1)) .repository }}:{{ default $root.Chart.AppVersion .tag }}{{ .tagSuffix }}
{{- with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end -}}

{{- /* A value as the text that an environment variable holds; large numbers keep their digits. */ -}}
{{- define "podium.text" -}}
{{- if kindIs "string" . }}{{ quote . }}{{ else }}{{ toJson . | quote }}{{ end }}
{{- end -}}


{{- /* Whether a service may read or write anything in the object store: (list root name service). */ -}}
{{- define "podium.readsObjects" -}}
{{- $values := (index . 0).Values }}
{{- $models := and (index . 2).usesModels $values.models.source }}
{{- $media := and (index . 2).usesObjectStore (concat $values.objectStore.readPrefixes $values.objectStore.writePrefixes) }}
{{- if or $media $models }}true{{ end }}
{{- end -}}
