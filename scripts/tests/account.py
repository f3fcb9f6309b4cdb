"""moto's server, taught what CloudFormation does and moto does not; see docs/deployment.md.

    python account.py PORT

moto decides on conditions only when a stack is made, never when it is changed; it compares parameters as text with
numbers, so that it finds changes where there are none; it cannot change a log group; and it leaves out the policies of
repositories and the managed policies of roles.
"""

import json
import sys

import moto.server
from moto.cloudformation.models import ChangeSet, CloudFormationBackend
from moto.ecr.models import Repository, ecr_backends
from moto.iam.models import Role, iam_backends
from moto.logs.models import LogGroup


def resolve(template, parameters):
    """The template as it is for these parameters: without conditions, and without what they exclude."""
    values = {name: str(parameters.get(name, one.get("Default"))) for name, one in template["Parameters"].items()}

    def holds(condition):
        [(function, argument)] = condition.items()
        match function:
            case "Condition" | "Fn::Condition":
                return holds(template["Conditions"][argument])
            case "Fn::Not":
                return not holds(argument[0])
            case "Fn::And":
                return all(map(holds, argument))
            case "Fn::Equals":
                return fill(argument[0]) == fill(argument[1])
        raise NotImplementedError(function)

    def fill(node):
        if isinstance(node, list):
            return [fill(one) for one in node]
        if not isinstance(node, dict):
            return node
        if list(node) == ["Ref"] and node["Ref"] in values:
            return values[node["Ref"]]
        if list(node) == ["Fn::If"]:
            name, if_true, if_false = node["Fn::If"]
            return fill(if_true if holds({"Condition": name}) else if_false)
        if list(node) == ["Fn::Sub"]:
            text = node["Fn::Sub"]
            for name, value in values.items():
                text = text.replace(f"${{{name}}}", value)
            return {"Fn::Sub": text}
        return {key: fill(value) for key, value in node.items()}

    resources = {
        name: fill({key: value for key, value in resource.items() if key != "Condition"})
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or holds({"Condition": resource["Condition"]})
    }
    return {**{key: value for key, value in template.items() if key != "Conditions"}, "Resources": resources}


def parse_template(self):
    original_parse(self)
    self.template_dict = resolve(self.template_dict, self.parameters)


def apply(self):
    original_apply(self)
    self.stack.parameters = self.parameters


def create_change_set(self, *arguments, **options):
    identifier, stack_id = original_create(self, *arguments, **options)
    change_set = self.change_sets[identifier]
    if change_set.change_set_type == "UPDATE" and not change_set.changes:
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.status_reason = "The submitted information didn't contain changes."
    return identifier, stack_id


def update_log_group(_, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    original_resource.retention_in_days = int(cloudformation_json["Properties"]["RetentionInDays"])
    return original_resource


def create_repository(_, resource_name, cloudformation_json, account_id, region_name, **options):
    repository = original_create_repository(resource_name, cloudformation_json, account_id, region_name, **options)
    properties = cloudformation_json["Properties"]
    repository.policy = json.dumps(properties["RepositoryPolicyText"])
    repository.image_scanning_configuration = {"scanOnPush": properties["ImageScanningConfiguration"]["ScanOnPush"]}
    ecr_backends[account_id][region_name].put_lifecycle_policy(
        account_id, resource_name, properties["LifecyclePolicy"]["LifecyclePolicyText"])
    return repository


def create_role(_, resource_name, cloudformation_json, account_id, region_name, **options):
    role = original_create_role(resource_name, cloudformation_json, account_id, region_name, **options)
    for arn in cloudformation_json["Properties"]["ManagedPolicyArns"]:
        iam_backends[account_id]["aws"].attach_role_policy(arn, role.name)
    return role


def delete_role(_, resource_name, cloudformation_json, account_id, region_name):
    for arn in list(iam_backends[account_id]["aws"].get_role(resource_name).managed_policies):
        iam_backends[account_id]["aws"].detach_role_policy(arn, resource_name)
    original_delete_role(resource_name, cloudformation_json, account_id, region_name)


original_parse, ChangeSet._parse_template = ChangeSet._parse_template, parse_template
original_apply, ChangeSet.apply = ChangeSet.apply, apply
original_create, CloudFormationBackend.create_change_set = CloudFormationBackend.create_change_set, create_change_set
LogGroup.update_from_cloudformation_json = classmethod(update_log_group)
original_create_repository = Repository.create_from_cloudformation_json
Repository.create_from_cloudformation_json = classmethod(create_repository)


original_create_role = Role.create_from_cloudformation_json
Role.create_from_cloudformation_json = classmethod(create_role)
original_delete_role = Role.delete_from_cloudformation_json
Role.delete_from_cloudformation_json = classmethod(delete_role)

if __name__ == "__main__":
    moto.server.main(["-H", "127.0.0.1", "-p", sys.argv[1]])
