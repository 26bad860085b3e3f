import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    availBy: "Show", "availBy.model": "Models", "availBy.channel": "Channels", availRate: "Succeeded", availNoTraffic: "no traffic",
    availStrip: "{name}: {rate} of the requests succeeded; traffic in {n} of {all} slots; worst {worst}, {when}, where {errors} of {requests} failed",
    "availNow.good": "working", "availNow.fair": "some failures", "availNow.poor": "failing often", "availNow.down": "failing", "availNow.none": "idle",
    availAllGood: "Everything works", availSomeBad: "{n} of {all} models have trouble now", availSomeBadChannels: "{n} of {all} channels have trouble now",
    "availSomeBad.one": "1 of {all} models has trouble now", "availSomeBadChannels.one": "1 of {all} channels has trouble now",
    availSilent: "No traffic now", availWhole: "{rate} of {n} requests succeeded", availLegend: "Succeeded in a slot of {slot}",
    "availLevel.good": "99% or more", "availLevel.fair": "95% or more", "availLevel.poor": "80% or more", "availLevel.down": "less", "availLevel.none": "no traffic",
    availHint: "A click on a slot opens the errors of it; with the keyboard the arrows and Enter do.", availTable: "Slots with failures", availNoFailures: "No slot had failures.",
    availShowTable: "Show the slots with failures as a table", availHideTable: "Hide the table", availSlot: "Slot", availNone: "No traffic in this time.", availNoneHint: "Choose a longer time.",
    availRequests: "{n} requests", "availRequests.one": "1 request", availOff: "off", availOffBy: "switched off by the gateway", availOffHand: "switched off by hand", availErrors: "Errors", availCount: "Requests", availNowNote: "By the last slots with traffic",
    availTroubles: "Requests succeed, but not all is well", availFiring: "{n} {severity} alerts fire", "availFiring.one": "1 {severity} alert fires",
    availMoreFiring: "{n} more series fire", "availMoreFiring.one": "1 more series fires", availOpen: "{n} off by the breaker", availOffGateway: "{n} channels switched off by the gateway",
    "availOffGateway.one": "1 channel switched off by the gateway", availNotReady: "The gateway is not being watched", availSending: "{n} notifiers fail", "availSending.one": "1 notifier fails",
    availDead: "{n} notices undeliverable", "availDead.one": "1 notice undeliverable",
  },
  zh: {
    availBy: "显示", "availBy.model": "模型", "availBy.channel": "渠道", availRate: "成功率", availNoTraffic: "无流量",
    availStrip: "{name}：成功率 {rate}；{all} 个时段中 {n} 个有流量；最差 {worst}，{when}，{requests} 次请求中 {errors} 次失败",
    "availNow.good": "正常", "availNow.fair": "偶有失败", "availNow.poor": "频繁失败", "availNow.down": "故障", "availNow.none": "空闲",
    availAllGood: "一切正常", availSomeBad: "{all} 个模型中有 {n} 个出现问题", availSomeBadChannels: "{all} 个渠道中有 {n} 个出现问题",
    availSilent: "当前没有流量", availWhole: "{n} 次请求中 {rate} 成功", availLegend: "每个时段（{slot}）的成功率",
    "availLevel.good": "99% 及以上", "availLevel.fair": "95% 及以上", "availLevel.poor": "80% 及以上", "availLevel.down": "低于 80%", "availLevel.none": "无流量",
    availHint: "点击某个时段可查看其中的错误；也可用方向键和回车键。", availTable: "有失败的时段", availNoFailures: "没有出现失败的时段。",
    availShowTable: "以表格显示有失败的时段", availHideTable: "隐藏表格", availSlot: "时段", availNone: "这段时间内没有流量。", availNoneHint: "请选择更长的时间。",
    availRequests: "{n} 次请求", availOff: "已停用", availOffBy: "被网关自动停用", availOffHand: "被手动停用", availErrors: "错误", availCount: "请求", availNowNote: "以最近有流量的时段为准",
    availTroubles: "请求正常，但仍有问题", availFiring: "{n} 个{severity}告警触发中", availMoreFiring: "另有 {n} 个对象触发中", availOpen: "{n} 个对象被熔断",
    availOffGateway: "{n} 个渠道被网关停用", availNotReady: "未能正常监控网关", availSending: "{n} 个通知渠道发送失败", availDead: "{n} 条通知无法送达",
  },
});
