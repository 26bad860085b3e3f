import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    deliveryNotifiers: "Notifiers", deliveryNone: "No notifier is configured, so nobody hears of alerts.", deliveryNoneHint: "Add one under notifiers: in quotafuse.yaml, then try it: quotafuse notify NAME.",
    notifierFine: "delivers", notifierWaits: "waits", notifierFails: "fails", notifierFresh: "not used yet", notifierPending: "Waiting", notifierDead: "Undeliverable", notifierLast: "Last delivered",
    notifierFailed: "Last failure", notifierNever: "never", notifierTry: "Try it",
    deadTitle: "Undeliverable", deadNote: "These were given up. Mend the cause, then send them again.", deadRetryAll: "Send all of them again", deadTried: "tried {n} times", deadTriedOnce: "tried once",
    deadAdvice: "What helps",
    outboxTitle: "Outbox", outboxCaption: "Notices, newest first", outboxAll: "All", outboxWaiting: "Waiting", outboxDelivered: "Delivered", outboxDead: "Undeliverable", outboxState: "Show by state",
    outboxTime: "Written", outboxNotice: "Notice", outboxTo: "To", outboxHow: "State", outboxTook: "Took", outboxAttempts: "Tries", outboxWith: "with no. {id}",
    outboxNone: "Nothing has been told yet.", outboxNoneHint: "Notices come here as soon as a rule fires, and stay until they are delivered.", outboxNoneState: "No notice is in this state.",
    "letter.waiting": "waiting", "letter.delivered": "delivered", "letter.dead": "undeliverable",
    "notice.firing": "Firing: {rule}", "notice.reminder": "Still firing: {rule}", "notice.resolved": "Over: {rule}", "notice.summary": "Summary: {rule}",
    "notice.digest": "Several alerts", "notice.breaker": "Breaker", "notice.test": "Test notice",
  },
  zh: {
    deliveryNotifiers: "通知渠道", deliveryNone: "尚未配置通知渠道，没有人会收到告警。", deliveryNoneHint: "请在 quotafuse.yaml 的 notifiers: 下添加，然后试发：quotafuse notify NAME。",
    notifierFine: "正常送达", notifierWaits: "等待中", notifierFails: "发送失败", notifierFresh: "尚未使用", notifierPending: "待发", notifierDead: "无法送达", notifierLast: "最近送达",
    notifierFailed: "最近失败", notifierNever: "从未", notifierTry: "试发一条",
    deadTitle: "无法送达", deadNote: "这些通知已放弃发送。请先排除原因，再重新发送。", deadRetryAll: "全部重新发送", deadTried: "已尝试 {n} 次", deadTriedOnce: "已尝试 1 次",
    deadAdvice: "处理建议",
    outboxTitle: "发件箱", outboxCaption: "通知，最新的在前", outboxAll: "全部", outboxWaiting: "待发", outboxDelivered: "已送达", outboxDead: "无法送达", outboxState: "按状态显示",
    outboxTime: "写入时间", outboxNotice: "通知", outboxTo: "发往", outboxHow: "状态", outboxTook: "用时", outboxAttempts: "尝试次数", outboxWith: "随 {id} 号发出",
    outboxNone: "还没有发出过通知。", outboxNoneHint: "规则触发后，通知会立即出现在这里，并保留到送达为止。", outboxNoneState: "没有处于该状态的通知。",
    "letter.waiting": "待发", "letter.delivered": "已送达", "letter.dead": "无法送达",
    "notice.firing": "触发：{rule}", "notice.reminder": "仍在触发：{rule}", "notice.resolved": "已恢复：{rule}", "notice.summary": "汇总：{rule}",
    "notice.digest": "多条告警", "notice.breaker": "熔断", "notice.test": "测试通知",
  },
});
