import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    logKind: "Kind", "logKind.all": "All", "logKind.answer": "Answers", "logKind.error": "Errors", "logKind.refund": "Refunds", slow: "Slower than", slowAny: "Any latency", slowOver: "Slower than {ms}",
    logSearch: "Search in error texts", logTime: "Time", logTokens: "In / out", logCost: "Cost", logLatency: "Latency", logResult: "Result", logOk: "OK", logs: "Requests",
    "one.answer": "answer", "one.error": "error", "one.refund": "refund", "one.test": "test", "one.other": "other", "end.complete": "complete", "end.broken": "broken off", "end.client_gone": "client left",
    totalRequests: "{n} requests", "totalRequests.one": "{n} request", totalTokens: "{n} tokens", totalErrors: "{rate} errors", totalPart: "sums since {time}", totalHours: "sums from {from} to {to}", firstToken: "first token {ms}", latencyNote: "below: until the first token",
    noLogs: "No request fits", noLogsHint: "Take a filter away, or choose a longer span.", noLogsYet: "Nothing found back to {time}", noLogsYetHint: "The search goes on further back from there.", searchOn: "Search further back",
    searchedTo: "Looked through back to {time}.", older: "Older", newest: "Newest", logTitle: "Request {id}", logClose: "Close", logNewer: "Newer request", logOlder: "Older request",
    fieldAt: "Time", fieldKind: "Kind", fieldStatus: "Status", fieldCode: "Error code", fieldChannel: "Channel", fieldModel: "Model", fieldToken: "Key", fieldUser: "User", fieldGroup: "Group", fieldRoute: "Route", fieldIp: "IP",
    fieldPrompt: "Prompt tokens", fieldCompletion: "Completion tokens", fieldCache: "Cached tokens", fieldCost: "Cost", fieldQuota: "Quota", fieldLatency: "Latency", fieldFirst: "First token", fieldSpeed: "Speed", speed: "{n} tokens/s",
    fieldStream: "Stream", fieldAttempts: "Attempts", fieldTest: "Channel test", fieldTask: "Asynchronous task", fieldEpoch: "Epoch of the table", yes: "yes", no: "no", content: "Text", other: "Details from the gateway (other)",
    noOther: "No details are kept of this request.", otherGone: "The gateway has this row no more.", fromGateway: "read from the gateway just now", fromStore: "kept by quotafuse", otherAway: "Not available: {why}",
    copy: "Copy", copied: "Copied", copyAll: "Copy as JSON", copyFailed: "Not allowed here", items: "{n} items", "items.one": "{n} item",
  },
  zh: {
    logKind: "类型", "logKind.all": "全部", "logKind.answer": "成功", "logKind.error": "错误", "logKind.refund": "退款", slow: "慢于", slowAny: "不限延迟", slowOver: "慢于 {ms}",
    logSearch: "搜索错误文本", logTime: "时间", logTokens: "输入 / 输出", logCost: "费用", logLatency: "延迟", logResult: "结果", logOk: "成功", logs: "请求",
    "one.answer": "成功", "one.error": "错误", "one.refund": "退款", "one.test": "测试", "one.other": "其他", "end.complete": "完整", "end.broken": "中断", "end.client_gone": "客户端断开",
    totalRequests: "{n} 次请求", totalTokens: "{n} Token", totalErrors: "错误率 {rate}", totalPart: "自 {time} 起的合计", totalHours: "{from} 至 {to} 的合计", firstToken: "首 Token {ms}", latencyNote: "下方：首 Token 时间",
    noLogs: "没有符合条件的请求", noLogsHint: "请去掉一个筛选条件，或选择更长的时间范围。", noLogsYet: "到 {time} 为止没有找到", noLogsYetHint: "可以从那里继续向前搜索。", searchOn: "继续向前搜索",
    searchedTo: "已搜索到 {time}。", older: "更早", newest: "最新", logTitle: "请求 {id}", logClose: "关闭", logNewer: "较新的请求", logOlder: "较早的请求",
    fieldAt: "时间", fieldKind: "类型", fieldStatus: "状态码", fieldCode: "错误码", fieldChannel: "渠道", fieldModel: "模型", fieldToken: "令牌", fieldUser: "用户", fieldGroup: "分组", fieldRoute: "接口", fieldIp: "IP",
    fieldPrompt: "输入 Token", fieldCompletion: "输出 Token", fieldCache: "缓存 Token", fieldCost: "费用", fieldQuota: "额度", fieldLatency: "延迟", fieldFirst: "首 Token", fieldSpeed: "速度", speed: "{n} Token/秒",
    fieldStream: "流式", fieldAttempts: "尝试次数", fieldTest: "渠道测试", fieldTask: "异步任务", fieldEpoch: "表的代次", yes: "是", no: "否", content: "文本", other: "网关记录的详情（other）",
    noOther: "没有保留此请求的详情。", otherGone: "网关中已没有这一行。", fromGateway: "刚从网关读取", fromStore: "由 quotafuse 保留", otherAway: "不可用：{why}",
    copy: "复制", copied: "已复制", copyAll: "复制为 JSON", copyFailed: "此处不允许", items: "{n} 项",
  },
});
