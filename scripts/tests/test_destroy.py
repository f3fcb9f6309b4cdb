"""destroy.sh, where it meets what it should not delete, or cannot. That it deletes is part of test_life."""

import os
import pty
import subprocess

from case import OWNED, ROLE, Case


class Destroy(Case):
    def test_asks_first(self):
        self.make_function("chameleon", OWNED)
        with self.subTest("no terminal"):
            self.assertSays(self.destroy(code=1), "function chameleon", "nothing was deleted", "give --yes")
        for answer, left in (("n\n", ["chameleon"]), ("\n", ["chameleon"]), ("y\n", [])):
            with self.subTest(answer):
                self.destroy_at_terminal(answer)
                self.assertEqual(self.function_names(), left)

    def destroy_at_terminal(self, answer):
        terminal, other_end = pty.openpty()
        os.write(terminal, answer.encode())
        subprocess.run([self.checkout / "scripts/destroy.sh"], env=self.environment, stdin=other_end,
                       capture_output=True, timeout=120)
        os.close(terminal)
        os.close(other_end)

    def test_leaves_what_is_not_ours(self):
        self.make_function("chameleon")
        self.aws("ecr").create_repository(repositoryName="cnn_serving")
        self.aws("logs").create_log_group(logGroupName="/aws/lambda/cnn_serving")
        self.make_role(ROLE)
        done = self.destroy("--yes")
        self.assertSays(done, "leaving function chameleon:", "leaving repository cnn_serving:",
                        "leaving log-group /aws/lambda/cnn_serving:", f"leaving role {ROLE}:", "nothing to delete")
        self.assertEqual(self.changes, [])

    def test_a_function_that_stays_keeps_what_it_uses(self):
        self.deploy("chameleon")
        arn = self.function()["Configuration"]["FunctionArn"]
        self.aws("lambda").untag_resource(Resource=arn, TagKeys=list(OWNED))
        done = self.destroy("--yes", "chameleon")
        self.assertSays(done, "leaving function chameleon:", f"leaving role {ROLE}: used by chameleon", "nothing to delete")
        self.assertEqual(self.changes, [])

    def test_tags_that_may_not_be_read_are_not_taken_for_none(self):
        self.deploy("chameleon")
        self.proxy.faults.hidden_tags = True
        self.proxy.faults.errors["ListTags"] = (403, "AccessDeniedException", "not you")
        for done in (self.deploy("chameleon", code=1), self.destroy("--yes", code=1)):
            self.assertSays(done, "not you", "failed: aws lambda list-tags")
            self.assertEqual(self.changes, [])

    def test_a_role_with_a_policy_of_its_users(self):
        self.deploy("chameleon")
        policy = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}'
        self.aws("iam").put_role_policy(RoleName=ROLE, PolicyName="read-images", PolicyDocument=policy)
        self.destroy("--yes")
        self.assertEqual(self.role_names(), [])

    def test_leaves_what_only_begins_like_ours(self):
        self.aws("logs").create_log_group(logGroupName="/aws/lambda/chameleon-2", tags=OWNED)
        self.make_function("chameleon-2", OWNED)
        self.assertSays(self.destroy("--yes"), "nothing to delete")

    def test_what_disappears_meanwhile_is_no_error(self):
        self.make_function("chameleon", OWNED)
        self.proxy.faults.errors["DeleteFunction"] = (404, "ResourceNotFoundException", "Function not found")
        self.destroy("--yes")

    def test_what_cannot_be_deleted_is_told(self):
        self.make_function("chameleon", OWNED)
        self.proxy.faults.errors["DeleteFunction"] = (403, "AccessDeniedException", "not you")
        self.assertSays(self.destroy("--yes", code=1), "(AccessDeniedException)", "not you",
                        "failed: aws lambda delete-function --function-name chameleon")

    def test_wrong_flags(self):
        for arguments in (["--force"], ["camelion"], ["--prefix"], ["--prefix", "UP"]):
            with self.subTest(arguments):
                self.assertSays(self.destroy(*arguments, code=2), "see destroy.sh --help")
