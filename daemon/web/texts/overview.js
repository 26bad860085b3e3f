import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    requests: "Requests", tokens: "Tokens", cost: "Cost", errorRate: "Error rate", rpm: "Requests / min", tpm: "Tokens / min", latency: "Latency p95", cached: "Cached prompts",
    active: "Active", activeModels: "{n} models", activeNote: "{channels} channels · {keys} keys", refunded: "{refund} refunded", errorsOf: "{n} failed upstream", inOut: "{in} in · {out} out", median: "median {ms}",
    firingTitle: "Firing now", firingAll: "All {n} alerts", 
    today: "Today", month: "This month", quota: "Quota of all users", quotaUsed: "used of {granted}", quotaLeft: "Left", quotaGranted: "Granted", quotaNone: "Not known yet. It is read where a rule watches it, like user-running-out in etc/rules.d/keys.yaml.",
    byModel: "{metric} by model", byChannel: "{metric} by channel", traffic: "Requests and tokens", topKeys: "Top keys", topRoutes: "Top routes", metric: "Measure", key: "Key", route: "Route",
    allKeys: "All keys", allRoutes: "All routes", partial: "What is known begins at {since}: the numbers are of the time after it.",
    overviewNone: "No traffic in this span", overviewNoneHint: "Choose a longer span above. Rows appear here a second after the gateway has logged them.", peak: "peak {n}",
  },
  zh: {
    requests: "请求数", tokens: "Token 数", cost: "费用", errorRate: "错误率", rpm: "每分钟请求", tpm: "每分钟 Token", latency: "延迟 p95", cached: "缓存命中",
    active: "活跃", activeModels: "{n} 个模型", activeNote: "{channels} 个渠道 · {keys} 个令牌", refunded: "已退 {refund}", errorsOf: "上游失败 {n} 次", inOut: "输入 {in} · 输出 {out}", median: "中位数 {ms}",
    firingTitle: "正在触发", firingAll: "全部 {n} 条告警", 
    today: "今日", month: "本月", quota: "所有用户的额度", quotaUsed: "已用，共 {granted}", quotaLeft: "剩余", quotaGranted: "已分配", quotaNone: "尚不可知。有规则关注用户额度时才会读取，例如 etc/rules.d/keys.yaml 中的 user-running-out。",
    byModel: "各模型的{metric}", byChannel: "各渠道的{metric}", traffic: "请求与 Token", topKeys: "用量最高的令牌", topRoutes: "用量最高的接口", metric: "指标", key: "令牌", route: "接口",
    allKeys: "全部令牌", allRoutes: "全部接口", partial: "本地数据从 {since} 开始：数字只包含其后的部分。",
    overviewNone: "此时间范围内没有流量", overviewNoneHint: "请在上方选择更长的时间范围。网关写入日志后约一秒即可在此看到。", peak: "峰值 {n}",
  },
});
