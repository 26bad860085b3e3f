import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    keysCaption: "Keys of the gateway", keysSearch: "Search by name", keyName: "Key", keyOwner: "Owner", keyCreated: "Created", keyLast: "Last used", keyStatus: "Status", keyQuota: "Used and left",
    keyExpires: "Expires", keyRequests: "Requests, 30 d", keySuccess: "Success", keyNever: "never", keyUnlimited: "unlimited", keyNoEnd: "no end", keyExpired: "expired", keyLeft: "{used} used, {left} left", keyUsedOnly: "{used} used",
    keyDeletedOwner: "user {id}", keysNone: "The gateway has no keys yet.", keysNoneHint: "They are made at the gateway. They come here by themselves.", keysNoFit: "No key fits “{search}”.", keysNoFitHint: "Search for a part of its name.",
    keysAway: "The gateway does not show its keys now.", keysNoMask: "Values are not shown: {why}", keysMaskNote: "Of each value only the first and last four characters are read. The value itself never leaves the gateway.",
    "keyStatus.1": "on", "keyStatus.2": "off", "keyStatus.3": "expired", "keyStatus.4": "used up", "keyStatus.5": "deleted",
    "mask.sqlite": "a SQLite file has no accounts, and keys themselves are never read.", "mask.no_view": "the account finds no view of masked keys; quotafuse grants prints the statements that make it.",
    "mask.unreadable": "the keys themselves could not be read.", "mask.no_gateway": "there is no gateway to ask.",
  },
  zh: {
    keysCaption: "网关的令牌", keysSearch: "按名称搜索", keyName: "令牌", keyOwner: "所有者", keyCreated: "创建时间", keyLast: "最近使用", keyStatus: "状态", keyQuota: "已用与剩余",
    keyExpires: "过期时间", keyRequests: "30 天请求数", keySuccess: "成功率", keyNever: "从未", keyUnlimited: "不限额", keyNoEnd: "永不过期", keyExpired: "已过期", keyLeft: "已用 {used}，剩余 {left}", keyUsedOnly: "已用 {used}",
    keyDeletedOwner: "用户 {id}", keysNone: "网关还没有令牌。", keysNoneHint: "令牌在网关上创建，会自动出现在这里。", keysNoFit: "没有符合“{search}”的令牌。", keysNoFitHint: "请搜索名称的一部分。",
    keysAway: "目前无法从网关读取令牌。", keysNoMask: "不显示密钥：{why}", keysMaskNote: "每个密钥只读取前四位和后四位，完整的密钥不会离开网关。",
    "keyStatus.1": "启用", "keyStatus.2": "停用", "keyStatus.3": "已过期", "keyStatus.4": "已用尽", "keyStatus.5": "已删除",
    "mask.sqlite": "SQLite 文件没有账号之分，而完整的密钥从不读取。", "mask.no_view": "账号看不到密钥掩码的视图；quotafuse grants 会打印创建它的语句。",
    "mask.unreadable": "未能读取令牌。", "mask.no_gateway": "没有可查询的网关。",
  },
});
