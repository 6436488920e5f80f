{{/* alerts/alerts.yaml with its placeholders filled in, as a list of groups. */}}
{{- define "ferry.alertGroups" -}}
{{- $rule := .Values.metrics.prometheusRule -}}
{{- $text := .Files.Get "alerts/alerts.yaml" -}}
{{- $text = $text | replace "%selector%" (include "ferry.seriesSelector" .) | replace "%release%" .Release.Name -}}
{{- range $name, $value := $rule.thresholds -}}
{{- $text = $text | replace (printf "%%%s%%" $name) (regexReplaceAll "\\.?0+$" (printf "%.4f" (float64 $value)) "") -}}
{{- end -}}
{{- $groups := list -}}
{{- range $group := $text | fromYamlArray -}}
{{- $rules := list -}}
{{- range $alert := $group.rules -}}
{{- $isOfFeeder := eq $alert.alert "FerryNoFeeder" -}}
{{- if and (not (has $alert.alert $rule.disabled)) (or $.Values.feeder.enabled (not $isOfFeeder)) -}}
{{- $page := $alert.alert | trimPrefix "Ferry" | kebabcase -}}
{{- $_ := set $alert.annotations "runbook_url" (printf "%s/alert-%s.md" ($rule.runbookBaseUrl | trimSuffix "/") $page) -}}
{{- $_ := set $alert "labels" (mergeOverwrite (dict "namespace" $.Release.Namespace "release" $.Release.Name) $rule.alertLabels $alert.labels) -}}
{{- $rules = append $rules $alert -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (dict "name" (printf "%s-%s" $.Release.Name $group.name) "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}
