// Words of use and quality: measures, columns, notes.
import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    measure: "Measure", "measure.cost": "Cost", "measure.requests": "Requests", "measure.tokens": "Tokens", "measure.errors": "Errors",
    "col.cost": "Cost", "col.share": "Share", "col.requests": "Requests", "col.tokens": "Tokens", "col.errors": "Errors", "col.error_rate": "Error rate",
    "col.p50": "Half of the answers took no longer", "col.p95": "95 of 100 answers took no longer",
    "col.first": "First token", "col.firstNote": "Median time to the first token of streamed answers", "col.last": "Last used",
    rateNote: "{errors} failed upstream; {clients} more were the clients' own errors and do not count", noStatus: "no status",
    tokensNote: "{prompt} prompt, {completion} completion; {cache} of them cached",
    lastHour: "this hour", lastHourNote: "The sums are kept by the hour",
    noTraffic: "No traffic in this time.", noTrafficHint: "Choose a longer time, or take off a filter.",
    medianLatency: "Median latency", medianFirst: "Median first token",
    asKept: "So far back, times are kept by the hour, of channels and models.",
  },
  zh: {
    measure: "指标", "measure.cost": "费用", "measure.requests": "请求", "measure.tokens": "Token 数", "measure.errors": "错误",
    "col.cost": "费用", "col.share": "占比", "col.requests": "请求数", "col.tokens": "Token", "col.errors": "错误数", "col.error_rate": "错误率",
    "col.p50": "一半的应答不超过此耗时", "col.p95": "95% 的应答不超过此耗时",
    "col.first": "首 Token", "col.firstNote": "流式应答首个 Token 的中位耗时", "col.last": "最近使用",
    rateNote: "上游失败 {errors} 次；另有 {clients} 次为客户端自身错误，不计入", noStatus: "无状态码",
    tokensNote: "输入 {prompt}，输出 {completion}，其中缓存 {cache}",
    lastHour: "本小时内", lastHourNote: "汇总以小时为单位",
    noTraffic: "这段时间内没有流量。", noTrafficHint: "请选择更长的时间，或移除筛选条件。",
    medianLatency: "耗时中位数", medianFirst: "首 Token 中位数",
    asKept: "更早的耗时按渠道和模型、以小时为单位保存。",
  },
});
