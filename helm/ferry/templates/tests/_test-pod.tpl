{{/* A pod of `helm test`. Takes a dict: root, name, command. */}}
{{- define "ferry.testPod" -}}
{{- $pod := include "ferry.podTemplate" (dict "root" .root "component" "test" "values" .root.Values.jobs "command" .command "env" list "serves" false "restartPolicy" "Never") | fromYaml -}}
{{- $_ := set $pod.metadata "name" (printf "%s-test-%s" (include "ferry.fullname" .root) .name) -}}
{{- $hook := dict "helm.sh/hook" "test" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- $_ := set $pod.metadata "annotations" (mergeOverwrite $pod.metadata.annotations $hook) -}}
{{- merge (dict "apiVersion" "v1" "kind" "Pod") $pod | toYaml }}
{{- end -}}
