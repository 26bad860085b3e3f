#pragma once
// Holds answers against an OpenAPI 3.1 document: the part of JSON Schema that ours uses.

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace quotafuse::tests {

class JsonSchema {
public:
    explicit JsonSchema(nlohmann::json document) : document_(std::move(document)) {}

    const nlohmann::json& document() const { return document_; }

    /// The path of the document that a request's path is one of; empty for none.
    std::string path_of(const std::string& path) const {
        for (const auto& [known, what] : document_.at("paths").items())
            if (matches(known, path)) return known;
        return {};
    }

    /// What is wrong with the body of an answer, each with its place.
    std::vector<std::string> faults(const std::string& path, int status,
                                    const nlohmann::json& body) const {
        const auto known = path_of(path);
        if (known.empty()) return {path + " is not in the document"};
        const auto& responses = document_.at("paths").at(known).at("get").at("responses");
        const auto found = responses.find(std::to_string(status));
        if (found == responses.end()) return {known + " never answers " + std::to_string(status)};
        const auto& content = resolved(*found).at("content").at("application/json").at("schema");
        std::vector<std::string> faults;
        std::set<std::string> seen;
        check(content, body, "$", seen, faults);
        return faults;
    }

private:
    using Json = nlohmann::json;
    using Faults = std::vector<std::string>;

    static std::vector<std::string> parts_of(const std::string& path) {
        std::vector<std::string> parts{""};
        for (const char c : path) {
            if (c == '/')
                parts.emplace_back();
            else
                parts.back() += c;
        }
        return parts;
    }
    static bool matches(const std::string& known, const std::string& path) {
        const auto wanted = parts_of(known);
        const auto parts = parts_of(path);
        if (wanted.size() != parts.size()) return false;
        for (std::size_t i = 0; i < parts.size(); ++i)
            if (wanted[i] != parts[i] && !wanted[i].starts_with('{')) return false;
        return true;
    }

    const Json& resolved(const Json& schema) const {
        const auto ref = schema.find("$ref");
        if (ref == schema.end()) return schema;
        return document_.at(Json::json_pointer{ref->get<std::string>().substr(1)});
    }

    static bool has_type(const Json& value, const std::string& type) {
        if (type == "null") return value.is_null();
        if (type == "string") return value.is_string();
        if (type == "boolean") return value.is_boolean();
        if (type == "integer") return value.is_number_integer();
        if (type == "number") return value.is_number();
        if (type == "array") return value.is_array();
        return type == "object" && value.is_object();
    }

    void check_type(const Json& types, const Json& value, const std::string& at,
                    Faults& faults) const {
        const auto list = types.is_array() ? types : Json::array({types});
        for (const auto& type : list)
            if (has_type(value, type.get<std::string>())) return;
        faults.push_back(at + " is " + value.dump().substr(0, 40) + ", not " + types.dump());
    }

    void check_any(const Json& choices, const Json& value, const std::string& at,
                   std::set<std::string>& seen, Faults& faults) const {
        Faults all;
        for (const auto& choice : choices) {
            Faults some;
            std::set<std::string> names;
            check(choice, value, at, names, some);
            if (some.empty()) {
                seen.insert(names.begin(), names.end());
                return;
            }
            all.insert(all.end(), some.begin(), some.end());
        }
        faults.insert(faults.end(), all.begin(), all.end());
    }

    void check_members(const Json& schema, const Json& value, const std::string& at,
                       std::set<std::string>& seen, Faults& faults) const {
        for (const auto& name : schema.value("required", Json::array()))
            if (!value.contains(name.get<std::string>()))
                faults.push_back(at + " lacks " + name.dump());
        const auto properties = schema.value("properties", Json::object());
        for (const auto& [name, one] : value.items()) {
            if (properties.contains(name)) {
                std::set<std::string> names;
                check(properties.at(name), one, at + "." + name, names, faults);
                seen.insert(name);
            } else if (schema.contains("additionalProperties")) {
                std::set<std::string> names;
                check(schema.at("additionalProperties"), one, at + "." + name, names, faults);
                seen.insert(name);
            }
        }
        if (schema.value("unevaluatedProperties", true)) return;
        for (const auto& [name, one] : value.items())
            if (!seen.contains(name)) faults.push_back(at + " has " + name + " beside");
    }

    /// `seen` are the members that some part of the schema knows.
    void check(const Json& given, const Json& value, const std::string& at,
               std::set<std::string>& seen, Faults& faults) const {
        static const std::set<std::string> kKnown{"$ref",
                                                  "type",
                                                  "enum",
                                                  "items",
                                                  "anyOf",
                                                  "allOf",
                                                  "properties",
                                                  "required",
                                                  "additionalProperties",
                                                  "unevaluatedProperties",
                                                  "description",
                                                  "default",
                                                  "minimum",
                                                  "maximum"};
        for (const auto& [keyword, what] : given.items())
            if (!kKnown.contains(keyword)) faults.push_back("the document says " + keyword);
        if (given.contains("$ref")) check(resolved(given), value, at, seen, faults);
        if (given.contains("type")) check_type(given.at("type"), value, at, faults);
        if (given.contains("enum")) {
            const auto& allowed = given.at("enum");
            if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
                faults.push_back(at + " is " + value.dump());
        }
        if (given.contains("allOf"))
            for (const auto& part : given.at("allOf")) check(part, value, at, seen, faults);
        if (given.contains("anyOf")) check_any(given.at("anyOf"), value, at, seen, faults);
        if (value.is_object()) check_members(given, value, at, seen, faults);
        if (value.is_array() && given.contains("items")) {
            for (std::size_t i = 0; i < value.size(); ++i) {
                std::set<std::string> names;
                check(given.at("items"), value[i], at + "[" + std::to_string(i) + "]", names,
                      faults);
            }
        }
    }

    Json document_;
};

}  // namespace quotafuse::tests
