{{/*
The spec of a Job that runs one command of Ferry. Takes a dict: root, component, args (what follows `ferry`).
Exit statuses of the command: 3 means that the store or Redis could not be reached, which passes; 1 (done, and something was rejected or
failed), 2 (usage) and 4 (a bug) would come out the same again.
*/}}
{{- define "ferry.jobSpec" -}}
{{- $jobs := .root.Values.jobs -}}
backoffLimit: {{ $jobs.backoffLimit | int64 }}
podFailurePolicy:
  rules:
    - action: FailJob
      onExitCodes: {containerName: {{ .component }}, operator: In, values: [1, 2, 4]}
    # An evicted pod is no attempt.
    - action: Ignore
      onPodConditions: [{type: DisruptionTarget, status: "True"}]
template:
  {{- $user := default (printf "helm %s/%s" .root.Release.Namespace .root.Release.Name) $jobs.user }}
  {{- $env := list (dict "name" "FERRY_USER" "value" $user) (dict "name" "JOB_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.labels['batch.kubernetes.io/job-name']"))) }}
  {{- include "ferry.podTemplate" (dict "root" .root "component" .component "values" $jobs "command" (concat (list "dist/src/cli/main.js") .args) "env" $env "serves" false "restartPolicy" "Never") | nindent 2 }}
{{- end -}}

{{/*
A Job whose name follows its spec: Kubernetes refuses to change a Job's pod, and so would refuse an upgrade. It stays when it has finished,
as Helm makes anew what is gone, and would run it again.
*/}}
{{- define "ferry.oneJob" -}}
{{- $spec := include "ferry.jobSpec" . -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "ferry.fullname" .root }}-{{ .component }}-{{ $spec | sha256sum | trunc 8 }}
  labels:
    {{- include "ferry.labels" (dict "root" .root "component" .component) | nindent 4 }}
  {{- include "ferry.annotations" (dict "root" .root) }}
spec:
  {{- $spec | nindent 2 }}
{{- end -}}
