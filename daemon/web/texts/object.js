import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    objLogs: "Logs", objErrors: "Errors", objSplit: "Split by", objTimeline: "{measure} over time", objLatency: "Latency", objFirst: "First token", objLast: "Last used",
    objFirst95: "p95 {p95}", objP95: "p95 {p95}", objCache: "{part} of the prompt cached", objFailed: "{n} failed upstream",
    objBalance: "Balance, last 30 days", objBalanceNone: "The gateway has not told a balance of this channel.",
    objBalanceHint: "It asks the provider only where the channel's type has balances, and when somebody presses its button or turns on its schedule.",
    objAlerts: "Alerts", objAlertsNone: "Nothing fires about it.", objChannel: "Channel", objProvider: "Provider", objTag: "Tag", objStatus: "State",
    "objStatus.1": "on", "objStatus.2": "switched off by hand", "objStatus.3": "switched off by the gateway", objBalanceNow: "Balance", objDeadKeys: "Dead keys", objBreaker: "Breaker", objBreakerOpen: "switched off by quotafuse",
    objOwner: "Owner", objNoErrors: "No request failed in this time.", objAllErrors: "All errors",
    objNothing: "There was no traffic of it in this time.", objNothingHint: "Choose a longer time. If it was renamed, look for its new name in the breakdown.", objWhich: "Which one? The address names none.", objWhichHint: "Choose one in the breakdown.",
    objMore: "{n} more", objSplitNone: "Nothing to tell apart.", objNoValue: "not told", "objAlertState.firing": "firing", "objAlertState.pending": "pending", "objAlertState.stale": "stale",
  },
  zh: {
    objLogs: "日志", objErrors: "错误", objSplit: "拆分维度", objTimeline: "{measure}趋势", objLatency: "应答耗时", objFirst: "首 Token", objLast: "最近使用",
    objFirst95: "P95 {p95}", objP95: "P95 {p95}", objCache: "输入的 {part} 命中缓存", objFailed: "上游失败 {n} 次",
    objBalance: "余额（最近 30 天）", objBalanceNone: "网关没有提供该渠道的余额。",
    objBalanceHint: "只有渠道类型支持余额，并且有人手动更新或开启了定时更新时，网关才会向供应商查询。",
    objAlerts: "告警", objAlertsNone: "没有与之相关的告警。", objChannel: "渠道", objProvider: "供应商", objTag: "标签", objStatus: "状态",
    "objStatus.1": "启用", "objStatus.2": "已手动停用", "objStatus.3": "已被网关停用", objBalanceNow: "余额", objDeadKeys: "失效密钥", objBreaker: "熔断", objBreakerOpen: "已被 quotafuse 停用",
    objOwner: "所有者", objNoErrors: "这段时间内没有失败的请求。", objAllErrors: "全部错误",
    objNothing: "这段时间内没有它的流量。", objNothingHint: "请选择更长的时间。如果它已改名，请在用量分布中查找新名称。", objWhich: "地址中没有指明对象。", objWhichHint: "请在用量分布中选择。",
    objMore: "另有 {n} 项", objSplitNone: "没有可拆分的内容。", objNoValue: "未提供", "objAlertState.firing": "触发中", "objAlertState.pending": "待定", "objAlertState.stale": "失效",
  },
});
