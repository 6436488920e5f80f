{{/* Settings of every process, in the ConfigMap. Empty values are left out: Ferry's own defaults apply. */}}
{{- define "ferry.config" -}}
{{- $m := .Values.migration -}}
FERRY_STORE: "fdb:/var/lib/ferry/foundationdb/fdb.cluster"
{{- with .Values.redis.url }}
FERRY_REDIS_URL: {{ . | quote }}
{{- end }}
{{- if .Values.redis.urlSecret.name }}
FERRY_REDIS_URL_FILE: "/etc/ferry/redis-url/url"
{{- end }}
{{- with .Values.redis.username }}
FERRY_REDIS_USERNAME: {{ . | quote }}
{{- end }}
{{- if .Values.redis.password.existingSecret }}
FERRY_REDIS_PASSWORD_FILE: "/etc/ferry/redis-password/password"
{{- end }}
{{- if .Values.redis.tls.caSecret }}
FERRY_REDIS_CA_FILE: "/etc/ferry/redis-ca/ca.crt"
{{- end }}
FERRY_REDIS_PREFIX: {{ .Values.redis.prefix | quote }}
FERRY_LOG_LEVEL: {{ .Values.log.level | quote }}
FERRY_LOG_FORMAT: {{ .Values.log.format | quote }}
{{- /* The feeder reads it too: it works out how many workers the backlog calls for. */}}
FERRY_CONCURRENCY: {{ .Values.worker.concurrency | int64 | quote }}
FERRY_METRICS_HOST: {{ .Values.service.host | quote }}
FERRY_METRICS_PORT: {{ .Values.service.port | quote }}
{{- range $name, $value := dict
      "FERRY_LAYOUT" $m.layout "FERRY_TARGET" $m.target "FERRY_RUNNERS_DRAINED" $m.runnersDrained
      "FERRY_NAMESPACE" $m.namespace "FERRY_PROTOCOL_SETTLE" $m.protocolSettle "FERRY_CHECK" $m.check "FERRY_VERIFY" $m.verify
      "FERRY_JOURNAL" $m.journal "FERRY_SIDECARS" $m.sidecars "FERRY_WAL" $m.wal
      "FERRY_MAX_BYTES" $m.maxBytes "FERRY_SMALL_BYTES" $m.smallBytes "FERRY_LEASE" $m.lease "FERRY_LOCK" $m.lock }}
{{- with $value }}
{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- if not (kindIs "invalid" $m.maxPages) }}
FERRY_MAX_PAGES: {{ $m.maxPages | int64 | quote }}
{{- end }}
{{- if not (kindIs "invalid" $m.window) }}
FERRY_WINDOW: {{ $m.window | int64 | quote }}
{{- end }}
{{- if .Values.foundationdb.tls.existingSecret }}
FDB_TLS_CERTIFICATE_FILE: "/etc/ferry/foundationdb-tls/tls.crt"
FDB_TLS_KEY_FILE: "/etc/ferry/foundationdb-tls/tls.key"
FDB_TLS_CA_FILE: "/etc/ferry/foundationdb-tls/ca.crt"
{{- with .Values.foundationdb.tls.verifyPeers }}
FDB_TLS_VERIFY_PEERS: {{ . | quote }}
{{- end }}
{{- end }}
{{- with .Values.foundationdb.externalClientDirectory }}
FDB_NETWORK_OPTION_EXTERNAL_CLIENT_DIRECTORY: {{ . | quote }}
{{- end }}
{{- end -}}

{{/*
The pod template of every process of Ferry. Takes a dict:
  root, component     the release and the component's name
  values              the component's values: worker, feeder or jobs
  command             what follows `node --enable-source-maps`, from the image's working directory
  env                 variables of this component, beside the ConfigMap's
  serves              whether it has the metrics and probe endpoint
  restartPolicy       for Jobs
*/}}
{{- define "ferry.podTemplate" -}}
{{- $values := .root.Values -}}
{{- $own := .values -}}
{{- $podSecurity := $own.podSecurityContext | default $values.worker.podSecurityContext -}}
{{- $containerSecurity := $own.containerSecurityContext | default $values.worker.containerSecurityContext -}}
metadata:
  labels:
    {{- include "ferry.labels" (dict "root" .root "component" .component "labels" $own.podLabels) | nindent 4 }}
  {{- /* `kubectl logs` and `exec` choose by the annotation, without a line on the terminal about the init container. */}}
  {{- $default := dict "kubectl.kubernetes.io/default-container" .component }}
  {{- $checksum := dict "checksum/config" (include "ferry.config" .root | sha256sum) }}
  {{- include "ferry.annotations" (dict "root" .root "annotations" (mergeOverwrite $default $own.podAnnotations $checksum)) }}
spec:
  serviceAccountName: {{ include "ferry.serviceAccountName" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- with $own.terminationGracePeriodSeconds }}
  terminationGracePeriodSeconds: {{ . | int64 }}
  {{- end }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml $podSecurity | nindent 4 }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  initContainers:
    # A client of FoundationDB rewrites its cluster file when the coordinators change; a mounted Secret or ConfigMap cannot be written.
    - name: copy-cluster-file
      image: {{ include "ferry.image" .root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: ["install", "-m", "0600", "/etc/ferry/cluster-file/fdb.cluster", "/var/lib/ferry/foundationdb/fdb.cluster"]
      securityContext:
        {{- toYaml $containerSecurity | nindent 8 }}
      resources:
        requests: {cpu: 10m, memory: 16Mi}
        limits: {memory: 64Mi}
      volumeMounts:
        - {name: cluster-file-source, mountPath: /etc/ferry/cluster-file, readOnly: true}
        - {name: cluster-file, mountPath: /var/lib/ferry/foundationdb}
    {{- with $own.extraInitContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "ferry.image" .root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command:
        {{- toYaml (concat (list "node" "--enable-source-maps") .command) | nindent 8 }}
      securityContext:
        {{- toYaml $containerSecurity | nindent 8 }}
      envFrom:
        - configMapRef:
            name: {{ include "ferry.fullname" .root }}
        {{- with concat $values.extraEnvFrom $own.extraEnvFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat .env $values.extraEnv $own.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .serves }}
      ports:
        - {name: metrics, containerPort: {{ $values.service.port | int64 }}, protocol: TCP}
      {{- range $probe, $path := dict "startupProbe" "/healthz" "livenessProbe" "/healthz" "readinessProbe" "/readyz" }}
      {{- $timing := index $own $probe }}
      {{- if $timing.enabled }}
      {{ $probe }}:
        httpGet: {path: {{ $path }}, port: metrics}
        {{- toYaml (omit $timing "enabled") | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- end }}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        - {name: cluster-file, mountPath: /var/lib/ferry/foundationdb}
        - {name: tmp, mountPath: /tmp}
        {{- if $values.foundationdb.tls.existingSecret }}
        - {name: foundationdb-tls, mountPath: /etc/ferry/foundationdb-tls, readOnly: true}
        {{- end }}
        {{- if $values.redis.urlSecret.name }}
        - {name: redis-url, mountPath: /etc/ferry/redis-url, readOnly: true}
        {{- end }}
        {{- if $values.redis.password.existingSecret }}
        - {name: redis-password, mountPath: /etc/ferry/redis-password, readOnly: true}
        {{- end }}
        {{- if $values.redis.tls.caSecret }}
        - {name: redis-ca, mountPath: /etc/ferry/redis-ca, readOnly: true}
        {{- end }}
        {{- with $own.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $own.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: cluster-file-source
      {{- with $values.foundationdb.clusterFile }}
      {{- if .existingSecret }}
      secret:
        secretName: {{ .existingSecret }}
        items: [{key: {{ .key }}, path: fdb.cluster}]
      {{- else }}
      configMap:
        name: {{ .existingConfigMap }}
        items: [{key: {{ .key }}, path: fdb.cluster}]
      {{- end }}
      {{- end }}
    - name: cluster-file
      emptyDir: {sizeLimit: 1Mi}
    - name: tmp
      emptyDir: {}
    {{- with $values.foundationdb.tls }}
    {{- if .existingSecret }}
    - name: foundationdb-tls
      secret:
        secretName: {{ .existingSecret }}
        items:
          - {key: {{ .certificateKey }}, path: tls.crt}
          - {key: {{ .privateKeyKey }}, path: tls.key}
          - {key: {{ .caKey }}, path: ca.crt}
    {{- end }}
    {{- end }}
    {{- with $values.redis.urlSecret }}
    {{- if .name }}
    - name: redis-url
      secret:
        secretName: {{ .name }}
        items: [{key: {{ .key }}, path: url}]
    {{- end }}
    {{- end }}
    {{- with $values.redis.password }}
    {{- if .existingSecret }}
    - name: redis-password
      secret:
        secretName: {{ .existingSecret }}
        items: [{key: {{ .key }}, path: password}]
    {{- end }}
    {{- end }}
    {{- with $values.redis.tls }}
    {{- if .caSecret }}
    - name: redis-ca
      secret:
        secretName: {{ .caSecret }}
        items: [{key: {{ .caKey }}, path: ca.crt}]
    {{- end }}
    {{- end }}
    {{- with $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
