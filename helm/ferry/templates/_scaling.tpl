{{- define "ferry.isScaled" -}}
{{- if or .Values.keda.enabled .Values.autoscaling.enabled }}true{{ end -}}
{{- end -}}

{{/* The fewest workers there will be: what a PodDisruptionBudget must leave room in. */}}
{{- define "ferry.fewestWorkers" -}}
{{- if .Values.keda.enabled -}}
{{- .Values.keda.minReplicas -}}
{{- else if .Values.autoscaling.enabled -}}
{{- .Values.autoscaling.minReplicas -}}
{{- else -}}
{{- .Values.worker.replicaCount -}}
{{- end -}}
{{- end -}}

{{/* How many pods a count or a share of a PodDisruptionBudget comes to; Kubernetes rounds shares up. Takes (dict "count" "50%" "of" 3). */}}
{{- define "ferry.podsOf" -}}
{{- if kindIs "string" .count -}}
{{- div (add (mul (trimSuffix "%" .count | int64) .of) 99) 100 -}}
{{- else -}}
{{- .count | int64 -}}
{{- end -}}
{{- end -}}
