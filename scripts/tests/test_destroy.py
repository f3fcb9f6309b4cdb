"""destroy.sh, where it meets what it should not delete, or cannot. That it deletes is part of test_life."""

import os
import pty
import subprocess

from case import BOTH, FUNCTIONS, NOTHING, REPOSITORIES, ROLE, Case


class Destroy(Case):
    def test_asks_first(self):
        self.deploy("chameleon")
        with self.subTest("no terminal"):
            self.assertSays(self.destroy(code=1), "AWS::Lambda::Function\tchameleon", "nothing was deleted", "give --yes")
        for answer, left in (("n\n", ["chameleon"]), ("\n", ["chameleon"]), ("y\n", [])):
            with self.subTest(answer):
                self.destroy_at_terminal(answer)
                self.assertEqual(self.inventory()["functions"], left)

    def destroy_at_terminal(self, answer):
        terminal, other_end = pty.openpty()
        os.write(terminal, answer.encode())
        subprocess.run([self.checkout / "scripts/destroy.sh"], env=self.environment, stdin=other_end,
                       capture_output=True, timeout=120)
        os.close(terminal)
        os.close(other_end)

    def test_leaves_and_names_what_is_not_the_stacks(self):
        role = self.make_role(ROLE)
        self.make_function("chameleon", role)
        self.aws("ecr").create_repository(repositoryName="cnn_serving")
        for name in (*BOTH, "chameleon-2"):
            self.aws("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        done = self.destroy("--yes")
        self.assertSays(done, "nothing to delete", "left, because it belongs to no stack", "delete-function --function-name "
                        "chameleon", "delete-log-group --log-group-name /aws/lambda/cnn_serving", f"delete-role --role-name {ROLE}")
        self.assertNotIn("chameleon-2", done.stderr)
        self.assertEqual(self.changes, [])

    def test_a_log_group_that_a_late_line_recreated(self):
        self.deploy("chameleon")
        recreate = lambda: self.aws("logs").create_log_group(logGroupName="/aws/lambda/chameleon")
        self.proxy.faults.during["ListImages"] = lambda: "/aws/lambda/chameleon" in self.inventory()["logs"] or recreate()
        self.assertSays(self.destroy("--yes"), "aws logs delete-log-group --log-group-name /aws/lambda/chameleon")
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, "late log lines recreated a log group", "aws logs delete-log-group", "nothing was changed")

    def test_a_stack_that_cannot_be_deleted(self):
        self.deploy("chameleon")
        self.proxy.faults.errors["DeleteStack"] = (403, "AccessDenied", "not you")
        self.assertSays(self.destroy("--yes", code=1), "(AccessDenied)", "not you",
                        f"failed: aws cloudformation delete-stack --stack-name {FUNCTIONS}")
        self.proxy.faults.errors.clear()
        # A repository that is not empty: the deletion is accepted, and fails afterwards.
        self.proxy.faults.statuses[REPOSITORIES] = 2 * ["CREATE_COMPLETE"] + ["DELETE_FAILED"]
        self.proxy.faults.undeletable = REPOSITORIES
        done = self.destroy("--yes", code=1)
        self.assertSays(done, f"the stack {REPOSITORIES} is DELETE_FAILED", "then run: scripts/destroy.sh --region")
        self.proxy.faults.undeletable = None
        self.proxy.faults.statuses.clear()
        self.destroy("--yes")
        self.assertEqual(self.inventory(), NOTHING)

    def test_wrong_flags(self):
        for arguments in (["--force"], ["camelion"], ["--prefix"], ["--prefix", "UP"]):
            with self.subTest(arguments):
                self.assertSays(self.destroy(*arguments, code=2), "see destroy.sh --help")
