#include "notifiers/providers.h"

namespace quotafuse::notifiers {

const std::vector<ProviderType>& provider_types() {
    static const std::vector<ProviderType> kTypes = {
        {"telegram", read_telegram}, {"feishu", read_feishu},   {"wecom", read_wecom},
        {"dingtalk", read_dingtalk}, {"webhook", read_webhook}, {"smtp", read_smtp},
        {"exec", read_exec},         {"console", read_console},
    };
    return kTypes;
}

}  // namespace quotafuse::notifiers
