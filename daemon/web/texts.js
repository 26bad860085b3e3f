// Every word of the page. A value with {name} is filled by text(key, {name}).
const english = {
  switchLanguage: "中文", switchLanguageLabel: "切换到中文", unknown: "unknown", none: "none",
  alerts: "Alerts", source: "Gateway", sync: "Mirror", rules: "Rules", outbox: "Notices", breaker: "Circuit breaker",
  process: "Daemon", trips: "Recent breaker decisions",
  loading: "Asking the daemon …", ready: "Watching", readyNote: "The mirror is current and the rules are being evaluated.",
  notReady: "Not ready", readyUnknown: "Readiness unknown", offline: "The daemon does not answer ({why}). Next try in {wait}. What you see below is from {at}.",
  offlineFirst: "The daemon does not answer ({why}). Next try in {wait}.",
  timedOut: "no reply in time", updated: "Updated {at}", version: "Version", uptime: "running", site: "Site",
  state: "State", since: "Since", detail: "Detail", notDetected: "not recognised yet",
  rows: "{n} rows", rowsNote: "mirrored", cursor: "Newest log id", lag: "Behind by", gaps: "Open gaps in the ids",
  engineTime: "Evaluated up to", lastError: "Last error",
  rulesTotal: "{n} rules", rulesNote: "loaded", noRules: "No rule is loaded. Put rule files where rules: points and run quotafuse check.",
  noAlerts: "Nothing is firing.", noAlertsNoRules: "Nothing can fire: no rule is loaded yet.",
  moreAlerts: "{rule}: and {n} more",
  rule: "Rule", key: "For", value: "Value", threshold: "Threshold", severity: "Severity",
  pendingCount: "{n} waiting", pendingNote: "to be sent", failedCount: "Undeliverable", noNotifiers: "No notifier is configured. Add one under notifiers: so that somebody hears of alerts.",
  notifierLine: "{pending} waiting, {failed} failed", mode: "Mode",
  openTargets: "{n} disabled", openNote: "by quotafuse", noOpen: "Nothing is disabled by quotafuse.",
  circuits: "Disabled by quotafuse", target: "What", back: "Comes back", reason: "Reason",
  channelTarget: "Channel {channel}", modelTarget: "Model {model} of channel {channel}", keyTarget: "Key {key}", keyOfUser: "Key {key} (user {user})",
  byHand: "by hand: quotafuse breaker restore", byItself: "by itself, not before", nextTrial: "on trial, not before", onTrialSince: "on trial since",
  failedTrials: "({n} failed so far)", returning: "a change is on its way …", unsureNote: "unknown whether it is off: please look at the gateway",
  byPerson: "A person: {reason}",
  paused: "The breaker is paused: it writes nothing.", pausedUntil: "Until", pausedOpen: "Until somebody resumes it.", pausedReason: "Reason: {reason}.", stop: ".",
  time: "Time", result: "Result", why: "Why",
  noTrips: "The breaker has not acted yet.", noTripsShadow: "The breaker has not acted yet. In shadow mode it only says what it would have disabled.",
  ago: "{t} ago", in: "in {t}",
  states: {
    inactive: "quiet", pending: "pending", firing: "firing", warming: "warming up", disabled: "switched off", error: "in error",
    resolved: "resolved", stale: "stale", ok: "connected", "catching-up": "catching up", unreachable: "unreachable", starting: "starting",
    info: "info", warning: "warning", critical: "critical", shadow: "shadow", live: "live", off: "off",
    tripped: "disabled", would_trip: "would have disabled", refused: "refused", failed: "failed", already_off: "was off already",
    lost_race: "somebody was faster", intent: "asked for", whole: "restored", trial: "on trial", settle: "restored after a trial", again: "trial failed, off again",
    whole_asked: "return asked for", trial_asked: "trial asked for", settle_asked: "end of trial asked for", again_asked: "off again asked for",
    whole_failed: "not restored", trial_failed: "trial could not begin", settle_failed: "not restored after its trial", again_failed: "not disabled again",
    whole_refused: "stays off", trial_refused: "stays off", settle_refused: "stays on trial", again_refused: "stays on trial",
    whole_unknown: "restored or not", trial_unknown: "on trial or not", settle_unknown: "restored or not", again_unknown: "off again or not",
    released: "not ours any more", still_serving: "disabled but still serving", mended: "mended", open: "off", unsure: "unknown", paused: "paused", resumed: "resumed",
    enabled: "somebody enabled it", "disabled by hand": "a person disabled it", deleted: "it was deleted", altered: "somebody changed it on its trial",
    "disabled by the gateway": "the gateway disabled it on its trial", stalled: "does not answer", locked: "table is locked", behind: "ends before the mirror", lagging: "replica is behind", unproven: "store unreadable",
    denied: "access denied", schema: "tables do not fit", rejected: "request rejected", unknown: "unknown",
  },
};

const chinese = {
  switchLanguage: "English", switchLanguageLabel: "Switch to English", unknown: "未知", none: "无",
  alerts: "告警", source: "网关", sync: "镜像", rules: "规则", outbox: "通知", breaker: "熔断器",
  process: "守护进程", trips: "最近的熔断决定",
  loading: "正在询问守护进程……", ready: "正在监控", readyNote: "镜像已是最新，规则正在评估。",
  notReady: "尚未就绪", readyUnknown: "就绪状态未知", offline: "守护进程没有应答（{why}）。{wait}后重试。下方内容为 {at} 的状态。",
  offlineFirst: "守护进程没有应答（{why}）。{wait}后重试。",
  timedOut: "超时", updated: "更新于 {at}", version: "版本", uptime: "已运行", site: "站点",
  state: "状态", since: "开始于", detail: "详情", notDetected: "尚未识别",
  rows: "{n} 行", rowsNote: "已存入本地", cursor: "最新日志 ID", lag: "落后", gaps: "未补齐的空缺",
  engineTime: "已评估至", lastError: "最近的错误",
  rulesTotal: "{n} 条规则", rulesNote: "已加载", noRules: "尚未加载规则。请把规则文件放到 rules: 指定的位置，然后运行 quotafuse check。",
  noAlerts: "没有正在触发的告警。", noAlertsNoRules: "尚未加载规则，因此不会有告警。",
  moreAlerts: "{rule}：另有 {n} 条",
  rule: "规则", key: "对象", value: "当前值", threshold: "阈值", severity: "级别",
  pendingCount: "{n} 条待发", pendingNote: "等待送达", failedCount: "无法送达", noNotifiers: "尚未配置通知渠道。请在 notifiers: 下添加，否则没有人会收到告警。",
  notifierLine: "待发 {pending}，失败 {failed}", mode: "模式",
  openTargets: "{n} 个", openNote: "由 quotafuse 禁用", noOpen: "没有被 quotafuse 禁用的对象。",
  circuits: "由 quotafuse 禁用", target: "对象", back: "恢复", reason: "原因",
  channelTarget: "渠道 {channel}", modelTarget: "渠道 {channel} 的模型 {model}", keyTarget: "令牌 {key}", keyOfUser: "令牌 {key}（用户 {user}）",
  byHand: "手动：quotafuse breaker restore", byItself: "自动，最早", nextTrial: "试用，最早", onTrialSince: "试用中，开始于",
  failedTrials: "（已失败 {n} 次）", returning: "正在处理……", unsureNote: "不确定是否已禁用：请到网关页面确认",
  byPerson: "人工：{reason}",
  paused: "熔断已暂停：不写入任何内容。", pausedUntil: "直到", pausedOpen: "直到有人恢复执行。", pausedReason: "原因：{reason}。", stop: "。",
  time: "时间", result: "结果", why: "原因",
  noTrips: "熔断器尚未动作。", noTripsShadow: "熔断器尚未动作。在 shadow（演练）模式下，它只说明本来会禁用什么。",
  ago: "{t}前", in: "{t}后",
  states: {
    inactive: "正常", pending: "待确认", firing: "触发中", warming: "预热中", disabled: "已关闭", error: "出错",
    resolved: "已恢复", stale: "数据陈旧", ok: "已连接", "catching-up": "追赶中", unreachable: "无法连接", starting: "启动中",
    info: "提示", warning: "警告", critical: "严重", shadow: "演练", live: "实战", off: "关闭",
    tripped: "已禁用", would_trip: "本应禁用", refused: "已拒绝", failed: "失败", already_off: "此前已关闭",
    lost_race: "已被他人抢先", intent: "已请求", whole: "已恢复", trial: "试用中", settle: "试用通过，已恢复", again: "试用失败，已再次禁用",
    whole_asked: "已请求恢复", trial_asked: "已请求试用", settle_asked: "已请求结束试用", again_asked: "已请求再次禁用",
    whole_failed: "恢复失败", trial_failed: "试用未能开始", settle_failed: "试用后恢复失败", again_failed: "再次禁用失败",
    whole_refused: "保持禁用", trial_refused: "保持禁用", settle_refused: "保持试用", again_refused: "保持试用",
    whole_unknown: "是否已恢复未知", trial_unknown: "是否已试用未知", settle_unknown: "是否已恢复未知", again_unknown: "是否已再次禁用未知",
    released: "不再由 quotafuse 负责", still_serving: "已禁用但仍在服务", mended: "已补正", open: "已禁用", unsure: "未知", paused: "已暂停", resumed: "已恢复",
    enabled: "已被他人启用", "disabled by hand": "已被人工禁用", deleted: "已被删除", altered: "试用期间被他人修改",
    "disabled by the gateway": "试用期间被网关禁用", stalled: "没有应答", locked: "表被锁定", behind: "早于镜像结束", lagging: "副本滞后", unproven: "本地库不可读",
    denied: "访问被拒", schema: "表结构不符", rejected: "请求被拒", unknown: "未知",
  },
};

const saved = () => { try { return localStorage.getItem("language"); } catch { return null; } };
let language = saved() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

const words = () => (language === "zh" ? chinese : english);

export const locale = () => (language === "zh" ? "zh-CN" : "en");

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  try { localStorage.setItem("language", language); } catch { /* private mode: the choice lasts for this visit */ }
}

export function text(key, values = {}) {
  return words()[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A state that this page does not know yet is shown as the daemon wrote it.
export const stateText = (state) => (state == null ? text("unknown") : words().states[state] ?? String(state));
