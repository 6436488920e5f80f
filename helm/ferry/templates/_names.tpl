{{- define "ferry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters: with the longest suffix (a schedule's key, 11) this is a CronJob's limit of 52. */}}
{{- define "ferry.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ferry.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ferry.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "ferry.image" -}}
{{- with .Values.image.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end -}}
{{- end -}}

{{/* Selectors hold name, instance and component and nothing that changes: a Deployment's selector is immutable. */}}
{{- define "ferry.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ferry.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Takes (dict "root" $ "component" "worker"). commonLabels come first, so that they cannot replace a selector's label. */}}
{{- define "ferry.labels" -}}
{{- $own := dict
      "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
      "app.kubernetes.io/version" (.root.Chart.AppVersion | trunc 63)
      "app.kubernetes.io/part-of" "ferry"
      "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- mergeOverwrite (dict) .root.Values.commonLabels (.labels | default dict) $own (include "ferry.selectorLabels" . | fromYaml) | toYaml -}}
{{- end -}}

{{/* The annotations key of an object's metadata, on lines of its own, or nothing. */}}
{{- define "ferry.annotations" -}}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) -}}
{{- dict "annotations" . | toYaml | nindent 2 -}}
{{- end -}}
{{- end -}}

{{/* Label matchers of this release's series. */}}
{{- define "ferry.seriesSelector" -}}
{{- default (printf "namespace=%q, app_kubernetes_io_instance=%q" .Release.Namespace .Release.Name) .Values.metrics.selector -}}
{{- end -}}
