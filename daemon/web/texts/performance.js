import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    perfBy: "Lines", "perfBy.all": "Whole gateway", "perfBy.channel": "By channel", "perfBy.model": "By model", perfPart: "Percentile",
    perfP95: "Latency p95", perfP99: "Latency p99", perfOver: "Over 5 s", perfRpm: "Requests a minute",
    perfMean: "mean {mean}", perfFirst95: "p95 {p95}", perfOverNote: "{n} of {all} answers", perfTpm: "{tpm} tokens a minute",
    perfLatency: "Latency", perfFirstToken: "Time to the first token", perfRate: "Requests a minute", perfTokens: "Tokens a minute", perfLoad: "Load",
    perfFirstNote: "Streamed answers only", perfTokensLine: "Tokens a minute (right)", perfTable: "Percentiles by {kind}", perfEmptyReplies: "Empty replies",
    perfEmptyNote: "Answers without a single token", perfSlow: "Slowest answers", perfSlowPart: "too many rows to look at all: retried ones may be missing",
    perfSlowNone: "No log row of a timed answer is kept from this time.", perfWhen: "When", perfTook: "Took", perfSpeed: "Speed", perfSpeedNote: "Output tokens a second after the first token",
    perfTrend: "p95 over time", perfTrendNote: "How the p95 of the latency went", perfOut: "Output", perfOver5: "over 5 s", perfPerSecond: "{n}/s", perfNone: "No answer was timed in this time.",
    perfNoneHint: "Choose a longer time, or take off a filter.", perfFirstP: "First token p50", perfFirstP95: "First token p95",
  },
  zh: {
    perfBy: "曲线", "perfBy.all": "整个网关", "perfBy.channel": "按渠道", "perfBy.model": "按模型", perfPart: "百分位",
    perfP95: "耗时 P95", perfP99: "耗时 P99", perfOver: "超过 5 秒", perfRpm: "每分钟请求",
    perfMean: "平均 {mean}", perfFirst95: "P95 {p95}", perfOverNote: "共 {all} 次应答中的 {n} 次", perfTpm: "每分钟 {tpm} Token",
    perfLatency: "应答耗时", perfFirstToken: "首 Token 耗时", perfRate: "每分钟请求数", perfTokens: "每分钟 Token 数", perfLoad: "负载",
    perfFirstNote: "仅流式应答", perfTokensLine: "每分钟 Token 数（右轴）", perfTable: "各{kind}的百分位", perfEmptyReplies: "空应答",
    perfEmptyNote: "一个 Token 都没有的应答", perfSlow: "最慢的应答", perfSlowPart: "记录过多，未全部查看：可能缺少重试过的应答",
    perfSlowNone: "这段时间内没有保留带耗时的应答记录。", perfWhen: "时间", perfTook: "耗时", perfSpeed: "速度", perfSpeedNote: "首 Token 之后每秒输出的 Token 数",
    perfTrend: "P95 走势", perfTrendNote: "P95 耗时随时间的变化", perfOut: "输出", perfOver5: "超过 5 秒", perfPerSecond: "{n}/秒", perfNone: "这段时间内没有计时的应答。",
    perfNoneHint: "请选择更长的时间，或移除筛选条件。", perfFirstP: "首 Token P50", perfFirstP95: "首 Token P95",
  },
});
