import { addTexts } from "../parts/texts.js";

addTexts({
  en: {
    errTotal: "Failed requests", errUpstream: "Upstream errors", errClient: "Client errors", errRate: "Error rate", errRateNote: "The share of requests that failed upstream; requests that failed by the client's own fault are left out",
    errOver: "Failures over time", errBy: "Tell apart", "errBy.error": "By error", "errBy.status": "By status", errTable: "Errors", errCode: "Error", errRequests: "Requests", errShare: "Share",
    errChannels: "Where", errKind: "Counts as", errUp: "upstream", errOwn: "client", errBoth: "both", errNone: "No request failed in this time.", errNoneHint: "That is good. For a look back choose a longer time.",
    errByChannel: "By channel", errByModel: "By model", errOf: "{rate} of its requests", errMore: "{n} more kinds",
    "errHint.400": "The provider refuses what was sent: the client's own error.", "errHint.401": "The channel's key is refused: check it on the gateway.",
    "errHint.402": "The account is out of money.", "errHint.403": "The key may not do this, or the region is refused.", "errHint.404": "The provider does not know the model or the address.",
    "errHint.408": "The provider took too long.", "errHint.413": "The request is too large.", "errHint.422": "The provider refuses what was sent.", "errHint.429": "The provider's rate limit, or its quota, is reached.",
    "errHint.500": "The provider failed, or the gateway did not get through to it.", "errHint.502": "A bad answer came from upstream.", "errHint.503": "The provider is overloaded or away.",
    "errHint.504": "The provider did not answer in time.", "errHint.529": "The provider is overloaded.",
  },
  zh: {
    errTotal: "失败请求", errUpstream: "上游错误", errClient: "客户端错误", errRate: "错误率", errRateNote: "上游错误占请求的比例，不含客户端自身错误",
    errOver: "失败趋势", errBy: "区分方式", "errBy.error": "按错误", "errBy.status": "按状态码", errTable: "错误", errCode: "错误", errRequests: "请求数", errShare: "占比",
    errChannels: "出现在", errKind: "归类", errUp: "上游", errOwn: "客户端", errBoth: "两者", errNone: "这段时间内没有失败的请求。", errNoneHint: "很好。如需回顾，请选择更长的时间。",
    errByChannel: "按渠道", errByModel: "按模型", errOf: "占其请求的 {rate}", errMore: "另有 {n} 种",
    "errHint.400": "供应商拒绝了请求内容，属于客户端错误。", "errHint.401": "渠道密钥被拒绝，请在网关上检查。",
    "errHint.402": "账户余额不足。", "errHint.403": "密钥没有权限，或所在地区被拒绝。", "errHint.404": "供应商不认识该模型或地址。",
    "errHint.408": "供应商处理超时。", "errHint.413": "请求过大。", "errHint.422": "供应商拒绝了请求内容。", "errHint.429": "达到供应商的速率限制或配额。",
    "errHint.500": "供应商出错，或网关未能连接到它。", "errHint.502": "上游返回了错误的应答。", "errHint.503": "供应商过载或不可用。",
    "errHint.504": "供应商没有及时应答。", "errHint.529": "供应商过载。",
  },
});
