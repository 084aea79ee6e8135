"""What does a transformed template contain, for one choice of its parameters?

A resource is represented by its logical id: `Ref` and `Fn::GetAtt` of `DeadLetters` are `DeadLetters`
and `DeadLetters.Arn`, so that a test can say what is connected with what.
"""

import re

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "stack",
}

NOTHING = object()


class Stack:
    """The resources of a template whose conditions hold, with every intrinsic function resolved."""

    def __init__(self, template: dict, **parameters: str):
        self.template = template
        defaults = {name: it.get("Default") for name, it in template["Parameters"].items()}
        unknown = parameters.keys() - defaults.keys()
        assert not unknown, f"no such parameters: {unknown}"
        given = {**defaults, **parameters}
        for name, value in given.items():
            if template["Parameters"][name]["Type"] == "CommaDelimitedList":
                given[name] = value.split(",")
        self.parameters = {**PSEUDO, **given}
        self.resources = {
            name: {**resource, "Properties": self.resolve(resource.get("Properties", {}))}
            for name, resource in template["Resources"].items()
            if self.holds(resource.get("Condition"))
        }

    def of(self, kind: str) -> dict[str, dict]:
        """The properties of all resources of one type, by logical id."""
        found = self.resources.items()
        return {name: it["Properties"] for name, it in found if it["Type"] == kind}

    def holds(self, condition: str | None) -> bool:
        return condition is None or self.resolve(self.template["Conditions"][condition])

    def resolve(self, value):
        if isinstance(value, list):
            items = (self.resolve(item) for item in value)
            return [item for item in items if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            match function:
                case "Ref" if argument == "AWS::NoValue":
                    return NOTHING
                case "Ref":
                    return self.named(argument)
                case "Fn::GetAtt":
                    name, attribute = argument
                    self.exists(name)
                    return f"{name}.{attribute}"
                case "Fn::Sub":
                    text, names = argument if isinstance(argument, list) else (argument, {})
                    names = self.resolve(names)
                    return re.sub(
                        r"\$\{([^}]+)\}",
                        lambda it: str(names[it[1]] if it[1] in names else self.named(it[1])),
                        text,
                    )
                case "Fn::If":
                    condition, yes, no = argument
                    return self.resolve(yes if self.holds(condition) else no)
                case "Fn::Equals":
                    one, other = self.resolve(argument)
                    return str(one) == str(other)
                case "Fn::Not":
                    return not self.resolve(argument[0])
                case "Fn::And":
                    return all(self.resolve(argument))
                case "Fn::Or":
                    return any(self.resolve(argument))
                case "Condition" if isinstance(argument, str):
                    return self.holds(argument)
                case "Fn::Join":
                    return argument[0].join(str(it) for it in self.resolve(argument[1]))
                case "Fn::Split":
                    return self.resolve(argument[1]).split(argument[0])
                case "Fn::Select":
                    return self.resolve(argument[1])[argument[0]]
        fields = ((key, self.resolve(field)) for key, field in value.items())
        return {key: field for key, field in fields if field is not NOTHING}

    def named(self, name: str):
        if name in self.parameters:
            return self.parameters[name]
        self.exists(name.split(".")[0])
        return name

    def exists(self, name: str):
        resource = self.template["Resources"].get(name)
        assert resource, f"{name} is not a resource"
        condition = resource.get("Condition")
        assert self.holds(condition), f"{name} is referenced, but {condition} does not hold"
