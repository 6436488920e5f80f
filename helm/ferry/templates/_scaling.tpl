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
