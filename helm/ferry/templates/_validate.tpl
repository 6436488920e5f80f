{{/*
Values that contradict each other. All of them are named at once, each with what to write instead; values.schema.json has already
refused unknown keys and wrong types.
*/}}
{{- define "ferry.validate" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}

{{- if and $v.keda.enabled $v.autoscaling.enabled -}}
{{- $wrong = append $wrong "keda.enabled and autoscaling.enabled exclude each other: two scalers would fight over one Deployment. Enable one." -}}
{{- end -}}
{{- if and $v.keda.enabled (not $v.keda.serverAddress) -}}
{{- $wrong = append $wrong "keda.serverAddress is missing: KEDA reads ferry_desired_workers from Prometheus, for instance http://prometheus-operated.monitoring:9090." -}}
{{- end -}}
{{- range $name := list "keda" "autoscaling" -}}
{{- $scaler := index $v $name -}}
{{- if and $scaler.enabled (gt (int64 $scaler.minReplicas) (int64 $scaler.maxReplicas)) -}}
{{- $wrong = append $wrong (printf "%s.minReplicas (%d) is more than %s.maxReplicas (%d)." $name (int64 $scaler.minReplicas) $name (int64 $scaler.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and $v.keda.enabled (eq (int64 $v.keda.minReplicas) 0) (not $v.feeder.enabled) -}}
{{- $wrong = append $wrong "keda.minReplicas is 0 and feeder.enabled is false: with no worker running, nothing would report ferry_desired_workers. Enable the feeder, or keep one worker." -}}
{{- end -}}
{{- if and $v.keda.enabled (eq (int64 $v.keda.minReplicas) 0) $v.feeder.enabled (eq (int64 $v.feeder.replicaCount) 0) -}}
{{- $wrong = append $wrong "keda.minReplicas is 0 and feeder.replicaCount is 0: with no worker and no feeder running, nothing would report ferry_desired_workers. Run a feeder, or keep one worker." -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (kindIs "invalid" $v.autoscaling.targetCPUUtilizationPercentage) (not $v.autoscaling.metrics) -}}
{{- $wrong = append $wrong "autoscaling.enabled without a metric: set autoscaling.targetCPUUtilizationPercentage or autoscaling.metrics." -}}
{{- end -}}

{{- $needed := add (int64 $v.worker.drainTimeoutSeconds) 30 -}}
{{- if lt (int64 $v.worker.terminationGracePeriodSeconds) $needed -}}
{{- $wrong = append $wrong (printf "worker.terminationGracePeriodSeconds (%d) is less than worker.drainTimeoutSeconds + 30 (%d): Kubernetes would kill workers in the middle of their drain." (int64 $v.worker.terminationGracePeriodSeconds) $needed) -}}
{{- end -}}

{{- if and $v.redis.url $v.redis.urlSecret.name -}}
{{- $wrong = append $wrong "redis.url and redis.urlSecret.name are both set: give Redis exactly one way." -}}
{{- else if not (or $v.redis.url $v.redis.urlSecret.name) -}}
{{- $wrong = append $wrong "Redis is missing: set redis.url, or redis.urlSecret.name to a Secret that holds the URL." -}}
{{- end -}}
{{- if $v.redis.url -}}
{{- if or (regexMatch "^[a-z]+://[^/@]*:[^/@]*@" $v.redis.url) (regexMatch "(?i)[?&][a-z]*password=" $v.redis.url) -}}
{{- $wrong = append $wrong "redis.url contains a password, which every reader of the release would see: use redis.password.existingSecret, or redis.urlSecret." -}}
{{- end -}}
{{- if and $v.redis.tls.caSecret (not (hasPrefix "rediss://" $v.redis.url)) -}}
{{- $wrong = append $wrong "redis.tls.caSecret is set and redis.url does not begin with rediss://: the connection would not use TLS at all." -}}
{{- end -}}
{{- end -}}

{{- with $v.foundationdb.clusterFile -}}
{{- if and .existingSecret .existingConfigMap -}}
{{- $wrong = append $wrong "foundationdb.clusterFile.existingSecret and foundationdb.clusterFile.existingConfigMap are both set: give the cluster file exactly one way." -}}
{{- else if not (or .existingSecret .existingConfigMap) -}}
{{- $wrong = append $wrong "The cluster file is missing: set foundationdb.clusterFile.existingSecret or foundationdb.clusterFile.existingConfigMap." -}}
{{- end -}}
{{- end -}}

{{- $managed := list "FERRY_DRAIN_TIMEOUT" "FERRY_REDIS_URL" "FERRY_REDIS_URL_FILE" "FERRY_REDIS_USERNAME" "FERRY_REDIS_PASSWORD_FILE" "FERRY_REDIS_CA_FILE" "FERRY_LAYOUT" "FERRY_TARGET" "FERRY_RUNNERS_DRAINED" "FERRY_NAMESPACE" "FERRY_MAX_PAGES" "FERRY_PROTOCOL_SETTLE" "FERRY_CHECK" "FERRY_VERIFY" "FERRY_JOURNAL" "FERRY_SIDECARS" "FERRY_WAL" "FERRY_MAX_BYTES" "FERRY_SMALL_BYTES" "FERRY_LEASE" "FERRY_LOCK" "FERRY_WINDOW" "FDB_TLS_CERTIFICATE_FILE" "FDB_TLS_KEY_FILE" "FDB_TLS_CA_FILE" "FDB_TLS_VERIFY_PEERS" "FDB_NETWORK_OPTION_EXTERNAL_CLIENT_DIRECTORY" "FERRY_USER" "JOB_NAME" -}}
{{- $managed = concat $managed (keys (include "ferry.config" . | fromYaml)) | uniq -}}
{{- range $where, $list := dict "extraEnv" $v.extraEnv "worker.extraEnv" $v.worker.extraEnv "feeder.extraEnv" $v.feeder.extraEnv "jobs.extraEnv" $v.jobs.extraEnv -}}
{{- range $list -}}
{{- if has .name $managed -}}
{{- $wrong = append $wrong (printf "%s sets %s, which the chart sets from a value of its own: set that value instead (see the chart's README)." $where .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- with $v.podDisruptionBudget -}}
{{- if ne (toString .enabled) "false" -}}
{{- if and (not (kindIs "invalid" .minAvailable)) (not (kindIs "invalid" .maxUnavailable)) -}}
{{- $wrong = append $wrong "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are both set: set one to null." -}}
{{- else if and (kindIs "invalid" .minAvailable) (kindIs "invalid" .maxUnavailable) -}}
{{- $wrong = append $wrong "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are both null: set one." -}}
{{- else -}}
{{- /* As many as stay when the fewest run: with a scaler that is at night, when nodes are drained. Kubernetes rounds shares up. */ -}}
{{- $fewest := include "ferry.fewestWorkers" $ | int64 -}}
{{- $name := ternary "maxUnavailable" "minAvailable" (kindIs "invalid" .minAvailable) -}}
{{- $count := index . $name -}}
{{- $pods := include "ferry.podsOf" (dict "count" $count "of" $fewest) | int64 -}}
{{- $mayGo := ternary $pods (sub $fewest $pods) (eq $name "maxUnavailable") -}}
{{- if and (gt $fewest 1) (lt $mayGo 1) -}}
{{- $wrong = append $wrong (printf "podDisruptionBudget.%s (%s) lets none of %d workers go, the fewest there may be: it would block every drain of their nodes. Leave room for one, such as podDisruptionBudget.maxUnavailable: 1 alone." $name (toString $count) $fewest) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq (toString .enabled) "true") (le (include "ferry.fewestWorkers" $ | int64) 1) -}}
{{- $wrong = append $wrong "podDisruptionBudget.enabled is true with at most one worker: it would block every drain of its node. Run two workers or more, or set it to auto." -}}
{{- end -}}
{{- end -}}

{{- if $v.enqueue.enabled -}}
{{- if eq (not $v.enqueue.scan) (empty $v.enqueue.actors) -}}
{{- $wrong = append $wrong "enqueue.enabled needs exactly one of enqueue.scan and enqueue.actors." -}}
{{- end -}}
{{- end -}}
{{- if $v.requeue.enabled -}}
{{- if eq (empty $v.requeue.reason) (empty $v.requeue.actors) -}}
{{- $wrong = append $wrong "requeue.enabled needs exactly one of requeue.reason and requeue.actors." -}}
{{- end -}}
{{- end -}}

{{- range $key, $schedule := $v.schedules -}}
{{- /* The clock's controller adds a hyphen and eight digits; a campaign's name has 40 characters at most. */ -}}
{{- $longest := add (len (include "ferry.fullname" $)) (len $key) 10 -}}
{{- if and (gt $longest 40) (has "create" $schedule.args) (has "$(JOB_NAME)" $schedule.args) -}}
{{- $wrong = append $wrong (printf "schedules.%s names campaigns $(JOB_NAME), which has %d characters in this release, and 40 are allowed: shorten the schedule's key or set fullnameOverride." $key $longest) -}}
{{- end -}}
{{- end -}}

{{- if and $v.metrics.serviceMonitor.enabled $v.metrics.podMonitor.enabled -}}
{{- $wrong = append $wrong "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled are both true: every pod would be scraped twice and every sum doubled. Enable one." -}}
{{- end -}}
{{- if and $v.metrics.prometheusRule.enabled (not $v.metrics.prometheusRule.runbookBaseUrl) -}}
{{- $wrong = append $wrong "metrics.prometheusRule.runbookBaseUrl is missing: an alert's runbook_url must lead whoever it wakes to docs/runbooks." -}}
{{- end -}}

{{- if gt (int64 $v.networkPolicy.foundationdb.port) (int64 $v.networkPolicy.foundationdb.endPort) -}}
{{- $wrong = append $wrong "networkPolicy.foundationdb.port is higher than networkPolicy.foundationdb.endPort." -}}
{{- end -}}

{{- if $wrong -}}
{{- fail (printf "\n\n%d value(s) need attention:\n  - %s\n" (len $wrong) (join "\n  - " $wrong)) -}}
{{- end -}}
{{- end -}}
