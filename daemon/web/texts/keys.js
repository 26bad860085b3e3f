import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    keysCaption: "Keys of the gateway", keysSearch: "Search by name", keyName: "Key", keyOwner: "Owner", keyCreated: "Created", keyLast: "Last used", keyStatus: "Status", keyQuota: "Used and left",
    keyExpires: "Expires", keyRequests: "Requests, 30 d", keySuccess: "Success", keyNever: "never", keyUnlimited: "unlimited", keyNoEnd: "no end", keyExpired: "expired", keyLeft: "{used} used, {left} left", keyUsedOnly: "{used} used",
    keyDeletedOwner: "user {id}", keysNone: "The gateway has no keys yet.", keysNoneHint: "They are made at the gateway. They come here by themselves.", keysNoFit: "No key fits “{search}”.", keysNoFitHint: "Search for a part of its name.",
    keysAway: "The gateway does not show its keys now.", keysNoMask: "Values are not shown: {why}", keysMaskNote: "Of each value only the first and last four characters are read. The value itself never leaves the gateway.",
    "keyStatus.1": "on", "keyStatus.2": "off", "keyStatus.3": "expired", "keyStatus.4": "used up", "keyStatus.5": "deleted",
  },
  zh: {
    keysCaption: "网关的令牌", keysSearch: "按名称搜索", keyName: "令牌", keyOwner: "所有者", keyCreated: "创建时间", keyLast: "最近使用", keyStatus: "状态", keyQuota: "已用与剩余",
    keyExpires: "过期时间", keyRequests: "30 天请求数", keySuccess: "成功率", keyNever: "从未", keyUnlimited: "不限额", keyNoEnd: "永不过期", keyExpired: "已过期", keyLeft: "已用 {used}，剩余 {left}", keyUsedOnly: "已用 {used}",
    keyDeletedOwner: "用户 {id}", keysNone: "网关还没有令牌。", keysNoneHint: "令牌在网关上创建，会自动出现在这里。", keysNoFit: "没有符合“{search}”的令牌。", keysNoFitHint: "请搜索名称的一部分。",
    keysAway: "目前无法从网关读取令牌。", keysNoMask: "不显示密钥：{why}", "noMask.no_gateway": "没有可查询的网关", "noMask.sqlite": "SQLite 文件没有账号，且从不读取密钥本身", "noMask.no_view": "账号下没有脱敏密钥的视图，运行 quotafuse grants 可得到创建语句", "noMask.unread": "无法读取密钥", keysMaskNote: "每个密钥只读取前四位和后四位，完整的密钥不会离开网关。",
    "keyStatus.1": "启用", "keyStatus.2": "停用", "keyStatus.3": "已过期", "keyStatus.4": "已用尽", "keyStatus.5": "已删除",
  },
});
